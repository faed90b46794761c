// Windows into text: what they allow, and that they leave no trace.
// SPDX-License-Identifier: MIT
#include "testsuite/lib/boost_tap.h"

#include <atomic>
#include <csignal>
#include <cstring>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "runtime/base/memory_map.h"
#include "runtime/text/text_writer.h"
#include "testsuite/lib/asm_site.h"
#include "testsuite/lib/far_function.h"

using hotpatch::text_window;
using hotpatch::writer_kind;

namespace {

constexpr int rx = PROT_READ | PROT_EXEC;

int protection_at(std::uint64_t address)
{
  hotpatch::memory_mapping found;
  return hotpatch::find_mapping(address, found) ? found.protection : -1;
}

std::uint64_t load(std::uint64_t address)
{
  return *reinterpret_cast<volatile std::uint64_t*>(address);
}

}  // namespace

BOOST_AUTO_TEST_CASE(maps_tell_protections)
{
  int on_stack = 0;
  BOOST_TEST(protection_at(reinterpret_cast<std::uint64_t>(&on_stack)) ==
             (PROT_READ | PROT_WRITE));
  BOOST_TEST(protection_at(reinterpret_cast<std::uint64_t>(&protection_at)) ==
             rx);
  BOOST_TEST(protection_at(0) == -1);
}

BOOST_AUTO_TEST_CASE(window_is_executable_while_open_and_restored_behind)
{
  const hotpatch_test::far_function code(1);
  {
    text_window window(writer_kind::rwx_window, code.address(),
                       code.address() + 8);
    BOOST_TEST(window.error() == 0);
    BOOST_TEST(protection_at(code.address()) == (rx | PROT_WRITE));
  }
  BOOST_TEST(protection_at(code.address()) == rx);
}

BOOST_AUTO_TEST_CASE(window_restores_what_it_found)
{
  const hotpatch_test::far_function code(1);
  auto* page = reinterpret_cast<void*>(code.address());
  for (const int protection : {rx | PROT_WRITE, PROT_EXEC + 0}) {
    BOOST_TEST(mprotect(page, 4096, protection) == 0);
    {
      text_window window(writer_kind::rwx_window, code.address(),
                         code.address() + 8);
      BOOST_TEST(window.error() == 0);
    }
    BOOST_TEST(protection_at(code.address()) == protection);
  }
}

// Another part of the program may have left code writable, and rely on it.
BOOST_AUTO_TEST_CASE(window_for_a_few_places_restores_what_it_found)
{
  const hotpatch_test::far_function code(1);
  auto* page = reinterpret_cast<void*>(code.address());
  for (const int protection : {rx | PROT_WRITE, rx + 0}) {
    BOOST_TEST(mprotect(page, 4096, protection) == 0);
    {
      text_window window(writer_kind::rwx_window);
      for (std::uint64_t at : {code.address(), code.address() + 64})
        BOOST_TEST(window.add_of_few(at, at + 8));
      BOOST_TEST(window.open());
      BOOST_TEST(protection_at(code.address()) == (rx | PROT_WRITE));
    }
    BOOST_TEST(protection_at(code.address()) == protection);
  }
}

BOOST_AUTO_TEST_CASE(window_refuses_what_is_not_code)
{
  alignas(8) char data[8] = {};
  const auto address = reinterpret_cast<std::uint64_t>(data);
  text_window window(writer_kind::rwx_window, address, address + 8);
  BOOST_TEST(window.error() != 0);
  BOOST_TEST(protection_at(address) == (PROT_READ | PROT_WRITE));
}

BOOST_AUTO_TEST_CASE(both_writers_write)
{
  for (const writer_kind kind :
       {writer_kind::rwx_window, writer_kind::proc_mem}) {
    const hotpatch_test::far_function code(1);
    text_window window(kind, code.address(), code.address() + 8);
    BOOST_TEST(window.error() == 0);
    const std::uint8_t two = 2;
    BOOST_TEST(window.store_bytes(code.address() + 1, &two, 1));
    BOOST_TEST(code.get()() == 2);
    BOOST_TEST(protection_at(code.address()) ==
               (kind == writer_kind::proc_mem ? rx : rx | PROT_WRITE));
  }
}

BOOST_AUTO_TEST_CASE(word_store_writes_eight_bytes)
{
  const hotpatch_test::far_function code(1);
  const std::uint64_t word = load(code.address());
  text_window window(writer_kind::rwx_window, code.address(),
                     code.address() + 8);
  window.store_word(code.address(), ~word);
  BOOST_TEST(load(code.address()) == ~word);
}

BOOST_AUTO_TEST_CASE(threads_run_on_while_windows_open_and_close)
{
  const hotpatch_test::far_function code(7);
  std::atomic<bool> stop{false};
  std::atomic<long> wrong{0};
  std::thread caller([&] {
    while (!stop)
      wrong += code.get()() != 7;
  });
  for (int i = 0; i < 2000; ++i)
    text_window window(writer_kind::rwx_window, code.address(),
                       code.address() + 8);
  stop = true;
  caller.join();
  BOOST_TEST(wrong == 0);
}

// Why a window is never without execute permission: the same with one that is.
BOOST_AUTO_TEST_CASE(control_a_window_without_execution_kills_threads)
{
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGSEGV, SIG_DFL);  // not the test framework's
    alarm(60);
    const hotpatch_test::far_function code(7);
    std::thread caller([&] {
      for (;;)
        code.get()();
    });
    auto* page = reinterpret_cast<void*>(code.address());
    for (;;) {
      mprotect(page, 4096, PROT_READ | PROT_WRITE);
      std::this_thread::yield();
      mprotect(page, 4096, rx);
    }
  }
  int status = 0;
  waitpid(child, &status, 0);
  BOOST_TEST(WIFSIGNALED(status));
  BOOST_TEST(WTERMSIG(status) == SIGSEGV);
}

BOOST_AUTO_TEST_CASE(here_the_window_is_allowed)
{
  hotpatch::text_writer writer;
  BOOST_TEST((writer.kind() == writer_kind::rwx_window));
  BOOST_TEST(std::strcmp(writer.name(), "rwx-window") == 0);
  BOOST_TEST(std::strcmp(writer.reason(), "") == 0);
}

BOOST_AUTO_TEST_CASE(refused_window_leads_to_proc_mem_with_the_reason)
{
#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#endif
  const pid_t child = fork();
  if (child == 0) {
    if (prctl(PR_SET_MDWE, 1, 0, 0, 0) != 0)
      _exit(77);
    hotpatch::text_writer writer;
    _exit(writer.kind() == writer_kind::proc_mem &&
                  std::strstr(writer.reason(), "mprotect") != nullptr
              ? 0
              : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (WEXITSTATUS(status) == 77)
    BOOST_TEST_MESSAGE("PR_SET_MDWE needs Linux 6.3");
  else
    BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_CASE(child_writes_into_itself_only)
{
  const hotpatch_test::far_function code(1);
  const std::uint8_t two = 2;
  const pid_t child = fork();
  if (child == 0) {
    text_window window(writer_kind::proc_mem, code.address(),
                       code.address() + 8);
    const bool written = window.store_bytes(code.address() + 1, &two, 1);
    _exit(written && code.get()() == 2 ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  BOOST_TEST(status == 0);
  BOOST_TEST(code.get()() == 1);
}
