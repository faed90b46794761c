// Finding real threads that are inside a function, wherever the trace of it is.
// SPDX-License-Identifier: MIT
#include "testsuite/lib/boost_tap.h"

#include <memory>

#include <signal.h>
#include <ucontext.h>

#include "runtime/threads/quiescence.h"
#include "testsuite/unit/code_in_use.h"

using namespace hotpatch;
using namespace hotpatch_test;

BOOST_AUTO_TEST_CASE(nobody_is_inside)
{
  thread_inside elsewhere([](thread_inside& self) { stay(&self); });
  elsewhere.wait_until_inside();
  BOOST_TEST(try_reach(hold_range) == HP_OK);
  BOOST_TEST(try_reach(spin_range) == HP_OK);
  BOOST_TEST(try_reach({}) == HP_OK);
}

BOOST_AUTO_TEST_CASE(a_thread_that_executes_it)
{
  thread_inside thread([](thread_inside& self) { spin(&self.leave); });
  thread.wait_until_spinning();
  BOOST_TEST(try_reach(spin_range) == HP_BUSY);
  BOOST_TEST(message_has("thread " + thread.id() + " (insider) is in spin"));
  BOOST_TEST(try_reach(hold_range) == HP_OK);
  thread.let_go();
  BOOST_TEST(try_reach(spin_range) == HP_OK);
}

BOOST_AUTO_TEST_CASE(a_thread_that_will_return_to_it)
{
  for (auto* function : {stay, stay_deep}) {
    thread_inside thread(
        [function](thread_inside& self) { hold(function, &self); });
    thread.wait_until_inside();
    BOOST_TEST(try_reach(hold_range) == HP_BUSY);
    BOOST_TEST(
        message_has("thread " + thread.id() + " (insider) has not left hold"));
    BOOST_TEST(try_reach(spin_range) == HP_OK);
  }
}

BOOST_AUTO_TEST_CASE(an_address_in_a_register)
{
  thread_inside thread(
      [](thread_inside& self) { in_register(&self.leave, hold_begin + 1); });
  thread.wait_until_spinning();
  BOOST_TEST(try_reach(hold_range) == HP_BUSY);
  BOOST_TEST(message_has("register"));
}

BOOST_AUTO_TEST_CASE(an_address_in_the_red_zone)
{
  thread_inside thread(
      [](thread_inside& self) { red_zone(&self.leave, hold_begin + 1); });
  thread.wait_until_spinning();
  static const code_range whole[] = {
      {address(hold_begin), address(hold_end), "an image", code_kind::whole}};
  BOOST_TEST(try_reach(whole) == HP_BUSY);
  BOOST_TEST(message_has("on its stack"));
  // What a call that has ended left there: else a caller of a function again
  // and again would always be inside.
  BOOST_TEST(try_reach(hold_range) == HP_OK);
}

BOOST_AUTO_TEST_CASE(a_pointer_to_the_original_is_no_call_of_it)
{
  // What hp_original() returns: data, unless a signal frame holds it.
  thread_inside thread([](thread_inside& self) {
    const void* volatile original = hold_begin;
    const void* volatile end = hold_end;
    stay(&self);
    (void)original;
    (void)end;
  });
  thread.wait_until_inside();
  BOOST_TEST(try_reach(hold_range) == HP_OK);
}

BOOST_AUTO_TEST_CASE(a_function_that_ends_in_a_call)
{
  thread_inside thread([](thread_inside& self) { last_call(stay, &self); });
  thread.wait_until_inside();
  BOOST_TEST(try_reach(last_call_range) == HP_BUSY);
}

BOOST_AUTO_TEST_CASE(every_address_counts_in_memory_that_is_to_go)
{
  static const code_range whole[] = {
      {address(hold_begin), address(hold_end), "an image", code_kind::whole}};
  thread_inside thread([](thread_inside& self) {
    const void* volatile pointer = hold_begin;
    stay(&self);
    (void)pointer;
  });
  thread.wait_until_inside();
  BOOST_TEST(try_reach(whole) == HP_BUSY);
}

BOOST_AUTO_TEST_CASE(interrupted_at_the_first_instruction)
{
  // Only the signal frame on the stack says that the thread is in spin().  The
  // handler puts it there, because the moment itself is hard to meet.
  static thread_inside* current;
  struct sigaction action {};
  action.sa_flags = SA_SIGINFO;
  action.sa_sigaction = [](int, siginfo_t*, void* context) {
    auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
    const greg_t original = registers[REG_RIP];
    auto* const saved = const_cast<volatile greg_t*>(&registers[REG_RIP]);
    *saved = static_cast<greg_t>(address(spin_begin));
    stay(current);
    *saved = original;
  };
  sigaction(SIGUSR1, &action, nullptr);
  thread_inside thread([&](thread_inside& self) {
    current = &self;
    raise(SIGUSR1);
  });
  thread.wait_until_inside();
  BOOST_TEST(try_reach(spin_range) == HP_BUSY);
  thread.let_go();
  BOOST_TEST(try_reach(spin_range) == HP_OK);
}

BOOST_AUTO_TEST_CASE(ranges_may_overlap_and_repeat)
{
  static const code_range ranges[] = {
      {0x1000, 0x9000, "image", code_kind::whole},
      {0x5000, 0x6000, "twice", code_kind::whole},
      {0x5000, 0x6000, "twice", code_kind::whole},
      {0x20000, 0x20001, "small", code_kind::whole},
      {0x30000, 0x30000, "empty", code_kind::whole},
      {0x7fff00000000, 0x7fff10000000, "large", code_kind::whole}};
  const auto prepared = std::make_unique<code_ranges>();
  BOOST_REQUIRE(prepared->prepare(ranges, searched_memory()) == HP_OK);
  const auto is_in = [&](std::uint64_t place) {
    const bool found =
        prepared->find(place, code_ranges::role::value) != code_ranges::none;
    // The filter may say yes too often, never no.
    if (found)
      BOOST_TEST(
          (prepared->around().contains(place) && prepared->may_contain(place)));
    return found;
  };
  BOOST_TEST(!is_in(0));
  BOOST_TEST(!is_in(0xfff));
  BOOST_TEST(is_in(0x1000));
  BOOST_TEST(is_in(0x5000));
  BOOST_TEST(is_in(0x8fff));
  BOOST_TEST(!is_in(0x9000));
  BOOST_TEST(is_in(0x20000));
  BOOST_TEST(!is_in(0x20001));
  BOOST_TEST(!is_in(0x30000));
  BOOST_TEST(is_in(0x7fff0fffffff));
  BOOST_TEST(!is_in(0x7fff10000000));
  BOOST_TEST(!is_in(~std::uint64_t{0}));
  BOOST_TEST(prepared->find(0x20000, code_ranges::role::value) == 3u);
}

BOOST_AUTO_TEST_CASE(a_pad_is_occupied_by_who_stands_in_it_only)
{
  static const code_range ranges[] = {{0x5000, 0x500c, "f", code_kind::pad}};
  const auto prepared = std::make_unique<code_ranges>();
  BOOST_REQUIRE(prepared->prepare(ranges, searched_memory()) == HP_OK);
  BOOST_TEST(prepared->find(0x5005, code_ranges::role::instruction_pointer) ==
             0u);
  BOOST_TEST(prepared->find(0x5000, code_ranges::role::value) ==
             code_ranges::none);
}
