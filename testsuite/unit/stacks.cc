// Finding threads on stacks that they were not started on.
// SPDX-License-Identifier: MIT
#include "testsuite/lib/boost_tap.h"

#include <cstdio>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "runtime/base/status.h"
#include "runtime/threads/quiescence.h"
#include "testsuite/unit/code_in_use.h"

using namespace hotpatch;
using namespace hotpatch_test;

BOOST_AUTO_TEST_CASE(a_fiber_that_runs)
{
  for (const bool announced : {false, true}) {
    const auto strand =
        std::make_unique<fiber>([](fiber& self) { stay(self.argument); });
    if (announced)
      BOOST_REQUIRE(hp_stack_announce(strand->stack.base(),
                                      strand->stack.size()) == HP_OK);
    thread_inside thread([&](thread_inside& self) {
      strand->argument = &self;
      strand->run();
    });
    thread.wait_until_inside();
    BOOST_TEST(try_reach(hold_range) == HP_BUSY);
    thread.let_go();
    if (announced)
      BOOST_REQUIRE(hp_stack_withdraw(strand->stack.base()) == HP_OK);
  }
}

BOOST_AUTO_TEST_CASE(the_stack_below_a_fiber)
{
  // The thread is inside on the stack it was started on, and runs on another.
  const auto strand =
      std::make_unique<fiber>([](fiber& self) { stay(self.argument); });
  static const code_range outer_range[] = {{address(last_call_begin),
                                            address(last_call_end), "last_call",
                                            code_kind::body}};
  BOOST_REQUIRE(hp_stack_announce(strand->stack.base(), strand->stack.size()) ==
                HP_OK);
  thread_inside thread([&](thread_inside& self) {
    strand->argument = &self;
    last_call([](void* f) { static_cast<fiber*>(f)->run(); }, strand.get());
  });
  thread.wait_until_inside();
  BOOST_TEST(try_reach(outer_range) == HP_BUSY);
  thread.let_go();
  BOOST_REQUIRE(hp_stack_withdraw(strand->stack.base()) == HP_OK);
}

BOOST_AUTO_TEST_CASE(a_suspended_fiber_is_seen_if_it_was_announced)
{
  const auto strand =
      std::make_unique<fiber>([](fiber& self) { self.suspend(); });
  // Another thread starts it, so that no trace is left on this one's stack.
  std::thread([&] { strand->run(); }).join();

  // The limit that hp_stack_announce() is there for.
  BOOST_TEST(try_reach(hold_range) == HP_OK);
  BOOST_REQUIRE(hp_stack_announce(strand->stack.base(), strand->stack.size()) ==
                HP_OK);
  BOOST_TEST(try_reach(hold_range) == HP_BUSY);
  BOOST_TEST(message_has("announced stack"));
  BOOST_REQUIRE(hp_stack_withdraw(strand->stack.base()) == HP_OK);
  BOOST_TEST(try_reach(hold_range) == HP_OK);
}

BOOST_AUTO_TEST_CASE(announcements_are_checked)
{
  char* const base = reinterpret_cast<char*>(0x10000);
  BOOST_TEST(hp_stack_announce(nullptr, 10) == HP_INVALID);
  BOOST_TEST(hp_stack_announce(base, 0) == HP_INVALID);
  BOOST_TEST(hp_stack_announce(base, SIZE_MAX) == HP_INVALID);
  BOOST_TEST(hp_stack_withdraw(base) == HP_INVALID);
  BOOST_TEST(hp_stack_announce(base + 0x2000, 0x1000) == HP_OK);
  BOOST_TEST(hp_stack_announce(base, 0x1000) == HP_OK);
  BOOST_TEST(hp_stack_announce(base + 0x1000, 0x1000) == HP_OK);
  BOOST_TEST(hp_stack_announce(base + 0xfff, 2) == HP_INVALID);
  BOOST_TEST(hp_stack_withdraw(base + 1) == HP_INVALID);
  // Nothing is mapped there: a search must survive that.
  BOOST_TEST(try_reach(hold_range) == HP_OK);
  BOOST_TEST(hp_stack_withdraw(base + 0x1000) == HP_OK);
  BOOST_TEST(hp_stack_withdraw(base + 0x1000) == HP_INVALID);
  BOOST_TEST(hp_stack_withdraw(base) == HP_OK);
  BOOST_TEST(hp_stack_withdraw(base + 0x2000) == HP_OK);
}

BOOST_AUTO_TEST_CASE(searching_an_idle_stack_does_not_touch_its_pages)
{
  mapped_stack large(64 << 20);
  static_cast<char*>(large.base())[large.size() - 1] = 1;
  BOOST_REQUIRE(hp_stack_announce(large.base(), large.size()) == HP_OK);
  BOOST_TEST(try_reach(hold_range) == HP_OK);
  BOOST_REQUIRE(hp_stack_withdraw(large.base()) == HP_OK);
  std::vector<unsigned char> resident(large.size() / 4096);
  BOOST_REQUIRE(mincore(large.base(), large.size(), resident.data()) == 0);
  std::size_t touched = 0;
  for (unsigned char page : resident)
    touched += page & 1;
  BOOST_TEST(touched == 1u);
}

BOOST_AUTO_TEST_CASE(interrupted_by_a_handler_on_another_stack)
{
  static thread_inside* current;
  struct sigaction action {};
  action.sa_handler = [](int) { stay(current); };
  action.sa_flags = SA_ONSTACK;
  sigaction(SIGUSR1, &action, nullptr);

  // The alternate stack: on the heap, and a part of the thread's own stack.
  std::vector<char> on_heap(64 * 1024);
  for (const bool in_own_stack : {false, true}) {
    thread_inside thread([&](thread_inside& self) {
      char on_stack[64 * 1024] = {};  // without what older threads left there
      stack_t alternate{};
      alternate.ss_sp = in_own_stack ? on_stack : on_heap.data();
      alternate.ss_size = sizeof on_stack;
      sigaltstack(&alternate, nullptr);
      current = &self;
      hold([](void*) { raise(SIGUSR1); }, nullptr);
      alternate.ss_flags = SS_DISABLE;
      sigaltstack(&alternate, nullptr);
    });
    thread.wait_until_inside();
    BOOST_TEST(try_reach(hold_range) == HP_BUSY);
    BOOST_TEST(try_reach(spin_range) == HP_OK, last_message());
  }
}

namespace {

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102  // Linux 6.13
#endif

// A fiber on memory of the caller's choice.  Lives on the heap, because the
// saved contexts would be found on a stack.
class fiber_on {
 public:
  fiber_on(void* base, std::size_t size, void (*function)(void*),
           void* argument)
      : function_(function), argument_(argument)
  {
    getcontext(&own_);
    own_.uc_stack.ss_sp = base;
    own_.uc_stack.ss_size = size;
    own_.uc_link = &caller_;
    const auto self = address(this);
    makecontext(&own_, reinterpret_cast<void (*)()>(enter), 2,
                static_cast<unsigned>(self), static_cast<unsigned>(self >> 32));
  }
  void run() { swapcontext(&caller_, &own_); }

 private:
  static void enter(unsigned low, unsigned high)
  {
    auto* self = reinterpret_cast<fiber_on*>(std::uint64_t{high} << 32 | low);
    self->function_(self->argument_);
  }

  void (*function_)(void*);
  void* argument_;
  ucontext_t own_, caller_;
};

void run_fiber(void* strand)
{
  static_cast<fiber_on*>(strand)->run();
}

// Calls hold(), which switches to a fiber on an array of this function.
[[gnu::noinline]] void hold_below_own_array(void (*function)(void*),
                                            void* argument)
{
  alignas(16) char array[64 * 1024];
  std::memset(array, 0, sizeof array);
  const auto strand =
      std::make_unique<fiber_on>(array, sizeof array, function, argument);
  hold(run_fiber, strand.get());
}

// What the tests before have left on a stack that the C library uses again.
[[gnu::noinline]] void wipe_deep()
{
  volatile char space[512 * 1024];
  for (volatile char& each : space)
    each = 0;
}

// Leaves frames of hold() far below the stack pointer of its caller.
[[gnu::noinline]] void leave_traces_of_hold()
{
  volatile char space[16 * 1024];
  std::memset(const_cast<char*>(space), 0, sizeof space);
  hold([](void*) {}, nullptr);
  space[1] = space[0];
}

}  // namespace

BOOST_AUTO_TEST_CASE(frames_below_a_fiber_on_a_local_array)
{
  thread_inside thread(
      [](thread_inside& self) { hold_below_own_array(stay, &self); });
  thread.wait_until_inside();
  BOOST_TEST(try_reach(hold_range) == HP_BUSY);
  BOOST_TEST(message_has("thread " + thread.id() + " (insider) has not left"));
  BOOST_TEST(try_reach(spin_range) == HP_OK, last_message());
  thread.let_go();
  BOOST_TEST(try_reach(hold_range) == HP_OK, last_message());
}

BOOST_AUTO_TEST_CASE(a_fiber_on_a_local_array_of_a_fiber)
{
  const mapped_stack memory;
  thread_inside thread([&](thread_inside& self) {
    const auto strand = std::make_unique<fiber_on>(
        memory.base(), memory.size(),
        [](void* argument) { hold_below_own_array(stay, argument); }, &self);
    strand->run();
  });
  thread.wait_until_inside();
  BOOST_TEST(try_reach(hold_range) == HP_BUSY);
  BOOST_TEST(try_reach(spin_range) == HP_OK, last_message());
}

BOOST_AUTO_TEST_CASE(the_caller_is_on_a_fiber_on_its_local_array)
{
  static hp_status status;
  std::thread([] {
    hold_below_own_array([](void*) { status = try_reach(hold_range); },
                         nullptr);
  }).join();
  BOOST_TEST(status == HP_BUSY);
}

// A thread that calls a function again and again and then waits is not inside.
BOOST_AUTO_TEST_CASE(what_calls_that_have_ended_left_does_not_count)
{
  thread_inside thread([](thread_inside& self) {
    leave_traces_of_hold();
    stay(&self);
  });
  thread.wait_until_inside();
  BOOST_TEST(try_reach(hold_range) == HP_OK, last_message());
}

// Also where other stacks may lie above, in the same memory.
BOOST_AUTO_TEST_CASE(nor_on_a_fiber)
{
  const mapped_stack memory;
  const auto above = static_cast<char*>(memory.base()) + memory.size() / 2;
  for (const char* word : {static_cast<const char*>(nullptr), last_call_end}) {
    std::memcpy(above + 4096, &word, sizeof word);
    thread_inside thread([&](thread_inside& self) {
      wipe_deep();
      const auto strand = std::make_unique<fiber_on>(
          memory.base(), memory.size() / 2,
          [](void* argument) {
            leave_traces_of_hold();
            stay(argument);
          },
          &self);
      strand->run();
    });
    thread.wait_until_inside();
    BOOST_TEST(try_reach(hold_range) == HP_OK, last_message());
  }
}

BOOST_AUTO_TEST_CASE(nor_in_the_calling_thread)
{
  leave_traces_of_hold();
  BOOST_TEST(try_reach(hold_range) == HP_OK, last_message());
}

// The memory of the fiber ends where that of the thread's own stack begins.
BOOST_AUTO_TEST_CASE(a_fiber_beside_the_threads_own_stack)
{
  static const mapped_stack both(2 << 20);
  static constexpr std::size_t half = 1 << 20;
  struct state {
    std::atomic<bool> inside{false};
    std::atomic<bool> leave{false};
  };
  static state now;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstack(&attributes, static_cast<char*>(both.base()) + half,
                        half);
  pthread_t thread;
  BOOST_REQUIRE(pthread_create(
                    &thread, &attributes,
                    [](void*) -> void* {
                      const auto strand = std::make_unique<fiber_on>(
                          both.base(), half,
                          [](void*) {
                            now.inside = true;
                            while (!now.leave)
                              std::this_thread::yield();
                          },
                          nullptr);
                      hold(run_fiber, strand.get());
                      return nullptr;
                    },
                    nullptr) == 0);
  while (!now.inside)
    std::this_thread::yield();
  BOOST_TEST(try_reach(hold_range) == HP_BUSY);
  BOOST_TEST(try_reach(spin_range) == HP_OK, last_message());
  now.leave = true;
  pthread_join(thread, nullptr);
}

// Code of a just-in-time compiler, whose callers no table tells, on a stack
// that ends where memory of others begins.
BOOST_AUTO_TEST_CASE(memory_of_others_above_the_control_block)
{
  static const mapped_stack both(2 << 20);
  constexpr std::size_t half = 1 << 20;
  auto* const others =
      reinterpret_cast<const char**>(static_cast<char*>(both.base()) + half);
  for (std::size_t i = 0; i < half / sizeof *others; i += 100)
    others[i] = hold_begin + 1;
  // 80 3f 00    1: cmpb $0, (%rdi)
  // 74 fb          je   1b
  // c3             ret
  constexpr unsigned char code[] = {0x80, 0x3f, 0x00, 0x74, 0xfb, 0xc3};
  void* const made = mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  BOOST_REQUIRE(made != MAP_FAILED);
  std::memcpy(made, code, sizeof code);
  struct state {
    std::atomic<bool> inside{false};
    std::atomic<bool> leave{false};
    void (*run)(const std::atomic<bool>*) = nullptr;
  };
  static state now;
  now.run = reinterpret_cast<void (*)(const std::atomic<bool>*)>(made);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstack(&attributes, both.base(), half);
  pthread_t thread;
  BOOST_REQUIRE(pthread_create(
                    &thread, &attributes,
                    [](void*) -> void* {
                      now.inside = true;
                      now.run(&now.leave);
                      return nullptr;
                    },
                    nullptr) == 0);
  while (!now.inside)
    std::this_thread::yield();
  BOOST_TEST(try_reach(hold_range) == HP_OK, last_message());
  now.leave = true;
  pthread_join(thread, nullptr);
  munmap(made, 4096);
}

// A locked page makes three mappings of a stack.
BOOST_AUTO_TEST_CASE(a_stack_of_several_mappings)
{
  thread_inside thread([](thread_inside& self) {
    hold(
        [](void* argument) {
          char space[64 * 1024] = {};
          const std::uint64_t page = (address(space) + 16 * 1024) & ~4095ull;
          BOOST_TEST(mlock(reinterpret_cast<void*>(page), 4096) == 0);
          stay(argument);
          munlock(reinterpret_cast<void*>(page), 4096);
        },
        &self);
  });
  thread.wait_until_inside();
  BOOST_TEST(try_reach(hold_range) == HP_BUSY);
}

// Pages of a readable mapping that cannot be read: a search has to survive them
// wherever it comes by.
BOOST_AUTO_TEST_CASE(guard_pages_are_not_touched)
{
  constexpr std::size_t page = 4096;
  const mapped_stack announced;
  const mapped_stack own(1 << 20);
  static const mapped_stack strand_memory;
  auto* const base = static_cast<char*>(announced.base());
  if (madvise(base + 4 * page, page, MADV_GUARD_INSTALL) != 0) {
    BOOST_TEST_MESSAGE("this kernel has no MADV_GUARD_INSTALL");
    std::puts("# skipped: this kernel has no MADV_GUARD_INSTALL");
    return;
  }
  std::memset(base, 1, 4 * page);
  base[announced.size() - 1] = 1;
  BOOST_REQUIRE(hp_stack_announce(announced.base(), announced.size()) == HP_OK);
  BOOST_TEST(try_reach(hold_range) == HP_OK, last_message());
  // What lies on both sides is searched.
  for (const std::size_t place : {2 * page, 8 * page}) {
    auto* const word = reinterpret_cast<const char**>(base + place);
    *word = hold_begin + 1;
    BOOST_TEST(try_reach(hold_range) == HP_BUSY);
    *word = nullptr;
  }
  BOOST_REQUIRE(hp_stack_withdraw(announced.base()) == HP_OK);

  // The lowest page of a thread's stack, as newer C libraries have it, while
  // the thread runs on another one.
  BOOST_REQUIRE(madvise(own.base(), page, MADV_GUARD_INSTALL) == 0);
  static std::atomic<int> inside{0};
  static std::atomic<bool> leave{false};
  inside = 0;
  leave = false;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstack(&attributes, own.base(), own.size());
  pthread_t thread;
  BOOST_REQUIRE(pthread_create(
                    &thread, &attributes,
                    [](void*) -> void* {
                      const auto strand = std::make_unique<fiber_on>(
                          strand_memory.base(), strand_memory.size(),
                          [](void*) {
                            inside = 1;
                            while (!leave)
                              std::this_thread::yield();
                          },
                          nullptr);
                      strand->run();
                      return nullptr;
                    },
                    nullptr) == 0);
  while (inside == 0)
    std::this_thread::yield();
  BOOST_TEST(try_reach(hold_range) == HP_OK, last_message());
  leave = true;
  pthread_join(thread, nullptr);
}

// A mapping that goes on after the end of its file.
BOOST_AUTO_TEST_CASE(pages_after_the_end_of_a_file_are_not_touched)
{
  constexpr std::size_t page = 4096;
  std::FILE* const file = std::tmpfile();
  BOOST_REQUIRE(file != nullptr);
  BOOST_REQUIRE(ftruncate(fileno(file), page) == 0);
  void* const base = mmap(nullptr, 4 * page, PROT_READ | PROT_WRITE, MAP_SHARED,
                          fileno(file), 0);
  BOOST_REQUIRE(base != MAP_FAILED);
  BOOST_REQUIRE(hp_stack_announce(base, 4 * page) == HP_OK);
  BOOST_TEST(try_reach(hold_range) == HP_OK, last_message());
  *static_cast<const char**>(base) = hold_begin + 1;
  BOOST_TEST(try_reach(hold_range) == HP_BUSY);
  BOOST_REQUIRE(hp_stack_withdraw(base) == HP_OK);
  munmap(base, 4 * page);
  std::fclose(file);
}
