// A moment in which no thread is inside: who is asked, who waits, who goes on.
// SPDX-License-Identifier: MIT
#include "testsuite/lib/boost_tap.h"

#include <atomic>
#include <string>
#include <thread>

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "runtime/base/status.h"
#include "runtime/threads/quiescence.h"
#include "runtime/threads/stop_gate.h"
#include "testsuite/lib/in_child.h"
#include "testsuite/unit/code_in_use.h"

using namespace hotpatch;
using namespace hotpatch_test;

BOOST_AUTO_TEST_CASE(the_main_thread_is_searched_like_the_others)
{
  // Here the main thread is inside, and another one looks; then the same from
  // within a fiber of the main thread.
  static hp_status seen;
  const auto look = [](void*) {
    std::thread([] { seen = try_reach(hold_range); }).join();
  };
  hold(look, nullptr);
  BOOST_TEST(seen == HP_BUSY);
  wipe_stack_below();
  look(nullptr);
  BOOST_TEST(seen == HP_OK);

  static fiber strand([](fiber&) {
    std::thread([] { seen = try_reach(last_call_range); }).join();
  });
  last_call([](void*) { strand.run(); }, nullptr);
  BOOST_TEST(seen == HP_BUSY);
}

BOOST_AUTO_TEST_CASE(the_caller_itself_is_busy_at_once)
{
  static hp_status status;
  static std::int64_t took;
  hold(
      [](void*) {
        const auto start = monotonic_now();
        status = try_reach(hold_range, 60'000);
        took = monotonic_now() - start;
      },
      nullptr);
  BOOST_TEST(status == HP_BUSY);
  BOOST_TEST(took < 30'000'000'000);  // it did not wait for the deadline
  BOOST_TEST(message_has("thread " + std::to_string(getpid())));
}

// It is in the library, so a pointer that it keeps is not about to be called.
BOOST_AUTO_TEST_CASE(a_pointer_that_the_caller_keeps_does_not_count)
{
  static const code_range whole[] = {
      {address(hold_begin), address(hold_end), "an image", code_kind::whole}};
  static hp_status inside;
  const void* volatile pointer = hold_begin;
  BOOST_TEST(try_reach(whole) == HP_OK);
  BOOST_TEST(const_cast<const void*>(pointer) == hold_begin);
  hold([](void*) { inside = try_reach(whole); }, nullptr);
  BOOST_TEST(inside == HP_BUSY);
}

BOOST_AUTO_TEST_CASE(it_waits_until_the_last_has_left)
{
  std::atomic<bool> reached{false};
  thread_inside first([](thread_inside& self) { hold(stay, &self); });
  thread_inside second([](thread_inside& self) { spin(&self.leave); });
  first.wait_until_inside();
  static const code_range both[] = {hold_range[0], spin_range[0]};
  hp_status status = HP_INTERNAL;
  std::thread stopper([&] {
    status = try_reach(both, 60'000);
    reached = true;
  });
  std::this_thread::sleep_for(30ms);
  BOOST_TEST(!reached);
  first.let_go();
  std::this_thread::sleep_for(30ms);
  BOOST_TEST(!reached);
  second.let_go();
  stopper.join();
  BOOST_TEST(status == HP_OK);
}

BOOST_AUTO_TEST_CASE(it_gives_up_at_the_deadline)
{
  thread_inside thread([](thread_inside& self) { hold(stay, &self); });
  thread.wait_until_inside();
  const auto start = monotonic_now();
  BOOST_TEST(try_reach(hold_range, 50) == HP_BUSY);
  BOOST_TEST(monotonic_now() - start >= 50'000'000);
  BOOST_TEST(message_has("(insider) has not left hold"));
}

BOOST_AUTO_TEST_CASE(attempts_come_farther_and_farther_apart)
{
  thread_inside thread([](thread_inside& self) { hold(stay, &self); });
  thread.wait_until_inside();
  const std::uint32_t before = count_arrivals();
  quiescence quiet;
  BOOST_TEST(quiet.reach(hold_range, deadline::in_milliseconds(1000),
                         {"test", __builtin_frame_address(0)}) == HP_BUSY);
  // Pauses double from a tenth of a millisecond to fifty: some 30 attempts, or
  // fewer where one takes long, each of which stops the thread.
  const std::uint32_t attempts = count_arrivals() - before;
  BOOST_TEST(attempts > 0u);
  BOOST_TEST(attempts < 60u);
}

BOOST_AUTO_TEST_CASE(a_thread_that_cannot_be_stopped_is_named)
{
  thread_inside thread([](thread_inside& self) {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    stay(&self);
  });
  thread.wait_until_inside();
  BOOST_TEST(try_reach(hold_range, 10) == HP_BUSY);
  BOOST_TEST(message_has("thread " + thread.id() + " (insider) blocks"));
}

BOOST_AUTO_TEST_CASE(nothing_runs_while_it_is_held)
{
  std::atomic<long> counter{0};
  std::atomic<bool> done{false};
  std::thread thread([&] {
    while (!done)
      ++counter;
  });
  while (counter == 0)
    std::this_thread::yield();
  long before, after;
  hp_status status;
  {
    quiescence quiet;
    status = quiet.reach(hold_range, deadline::in_milliseconds(10'000),
                         {"test", __builtin_frame_address(0)});
    before = counter;
    const auto start = monotonic_now();
    while (monotonic_now() - start < 1'000'000)
      ;
    after = counter;
  }
  BOOST_TEST(status == HP_OK);
  BOOST_TEST(before == after);
  while (counter == after)
    std::this_thread::yield();
  done = true;
  thread.join();
}

BOOST_AUTO_TEST_CASE(a_child_forked_by_a_thread_finds_itself)
{
  // Its only thread has the number of a main thread and a thread's stack.
  bool good = false;
  std::thread([&] {
    good = in_child([] {
      static hp_status inside;
      hold([](void*) { inside = try_reach(hold_range); }, nullptr);
      wipe_stack_below();
      return inside == HP_BUSY && try_reach(hold_range) == HP_OK;
    });
  }).join();
  BOOST_TEST(good);
}
