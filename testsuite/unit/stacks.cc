// Finding threads on stacks that they were not started on.
// SPDX-License-Identifier: MIT
#define BOOST_TEST_MODULE stacks
#include "testsuite/lib/boost_tap.h"

#include <memory>
#include <thread>
#include <vector>

#include <signal.h>
#include <sys/mman.h>

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
