// A thread that was borrowed comes back as it was: taken back by its borrower,
// and alone, through its frame, when the borrower is gone.  The controls take a
// part of the frame away and see the thread come back damaged.
//
// SPDX-License-Identifier: MIT
#include "testsuite/lib/boost_tap.h"

#include <atomic>
#include <cstring>
#include <new>

#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "outside/remote_call.h"
#include "outside/remote_call_point.h"
#include "outside/thread_state.h"
#include "testsuite/outside/register_check.h"

namespace {

using namespace hotpatch;
using namespace hotpatch::outside;

struct seen_by_child {
  std::atomic<unsigned> rounds{0};
  std::atomic<int> bad{0};
  std::atomic<int> calls{0};
};

seen_by_child* shared;

int count_call()
{
  errno = EXDEV;
  return ++shared->calls;
}

// A child that looks at its registers for ever.
class child {
 public:
  child()
  {
    void* memory = mmap(nullptr, sizeof(seen_by_child), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    BOOST_REQUIRE(memory != MAP_FAILED);
    shared = new (memory) seen_by_child;
    pid_ = fork();
    BOOST_REQUIRE(pid_ >= 0);
    if (pid_ == 0)
      for (sigset_t blocked = {}, before = {};;) {
        sigprocmask(SIG_BLOCK, nullptr, &before);
        errno = ENOTTY;
        if (check_registers() != 0 || errno != ENOTTY)
          shared->bad = 1;
        sigprocmask(SIG_BLOCK, nullptr, &blocked);
        if (std::memcmp(&blocked, &before, sizeof blocked) != 0)
          shared->bad = 1;
        ++shared->rounds;
      }
    run_on();
  }
  ~child()
  {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    munmap(shared, sizeof *shared);
  }
  child(const child&) = delete;
  child& operator=(const child&) = delete;

  pid_t id() const { return pid_; }

  // False if it died.
  bool run_on() const
  {
    const unsigned start = shared->rounds;
    while (shared->rounds < start + 2) {
      if (waitpid(pid_, nullptr, WNOHANG) != 0)
        return false;
      usleep(100);
    }
    return true;
  }

 private:
  pid_t pid_;
};

deadline soon()
{
  return deadline::in_milliseconds(60'000);
}

// Makes the child call getppid(2) and lets go of it at once, as the kernel does
// when the borrower is killed.  The frame is as `change` leaves it.
template <typename Change>
void abandon(const child& subject, Change change)
{
  const target_images images(subject.id());
  const target_code code = find_target_code(images);
  target_memory memory(subject.id());
  tracee thread(subject.id(), subject.id());
  thread.halt(soon());
  const thread_state state = save_state(thread);
  return_frame frame = build_return_frame(state, code.borrowed.restorer,
                                          below_red_zone(state.registers.rsp));
  change(frame, state);
  memory.write(frame.address, frame.bytes);
  user_regs_struct registers = state.registers;
  registers.rip = code.borrowed.system_call;
  registers.rsp = frame.address;
  registers.rax = SYS_getppid;
  registers.orig_rax = ~0ull;
  thread.set_registers(registers);
}

// Whether a child that is abandoned in that way dies, or sees a difference. One
// that is halted between two looks does neither.
template <typename Change>
bool is_noticed(Change change)
{
  const child subject;
  for (int i = 0; i < 20; ++i) {
    abandon(subject, change);
    if (!subject.run_on() || shared->bad != 0)
      return true;
  }
  return false;
}

std::size_t vectors_in(const return_frame& frame)
{
  std::uint64_t area = 0;
  std::memcpy(&area, frame.bytes.data() + 8 + 40 + 23 * 8, sizeof area);
  return area - frame.address;
}

BOOST_AUTO_TEST_CASE(it_comes_back_alone)
{
  const child subject;
  for (int i = 0; i < 20; ++i) {
    abandon(subject, [](return_frame&, const thread_state&) {});
    BOOST_REQUIRE(subject.run_on());
  }
  BOOST_TEST(shared->bad == 0);
}

BOOST_AUTO_TEST_CASE(control_without_the_red_zone)
{
  BOOST_TEST(is_noticed([](return_frame& frame, const thread_state& state) {
    std::uint64_t restorer;
    std::memcpy(&restorer, frame.bytes.data(), sizeof restorer);
    frame = build_return_frame(state, restorer, state.registers.rsp);
  }));
}

BOOST_AUTO_TEST_CASE(control_without_the_vector_registers)
{
  BOOST_TEST(is_noticed([](return_frame& frame, const thread_state&) {
    // No feature is to be restored: each gets its initial state.
    std::memset(frame.bytes.data() + vectors_in(frame) + 512, 0, 8);
  }));
}

BOOST_AUTO_TEST_CASE(control_with_a_wrong_register)
{
  BOOST_TEST(is_noticed([](return_frame& frame, const thread_state&) {
    frame.bytes[8 + 40] ^= 1;  // r8
  }));
}

BOOST_AUTO_TEST_CASE(its_borrower_takes_it_back)
{
  const child subject;
  const target_images images(subject.id());
  const target_code code = find_target_code(images);
  target_memory memory(subject.id());
  for (int i = 0; i < 20; ++i) {
    {
      tracee thread = remote_call_point(images, code, memory).find(soon());
      borrowed_thread borrowed(thread, memory, code.borrowed, soon());
      BOOST_TEST(borrowed.system_call(SYS_getppid, {}) == getpid());
      BOOST_TEST(borrowed.call("counting",
                               reinterpret_cast<std::uint64_t>(&count_call),
                               {}) == static_cast<std::uint64_t>(i + 1));
      BOOST_TEST(borrowed.system_call(SYS_close, {9999}) == -EBADF);
    }
    BOOST_REQUIRE(subject.run_on());
  }
  BOOST_TEST(shared->bad == 0);
  BOOST_TEST(shared->calls == 20);
}

}  // namespace
