// Stopping and resuming real threads, whatever they are doing.
// SPDX-License-Identifier: MIT
#include "testsuite/lib/boost_tap.h"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <thread>
#include <vector>

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/status.h"
#include "runtime/threads/stop_signal.h"
#include "runtime/threads/thread_list.h"
#include "runtime/threads/thread_stop.h"
#include "testsuite/lib/in_child.h"
#include "testsuite/unit/threads_to_stop.h"

using namespace hotpatch;
using namespace hotpatch_test;

BOOST_AUTO_TEST_CASE(a_process_with_one_thread_is_stopped_without_a_signal)
{
  stopped_threads others;
  BOOST_TEST(others.stop(generous()) == HP_OK);
  BOOST_TEST(others.count() == 0u);
  BOOST_TEST(others.first() == nullptr);
}

BOOST_AUTO_TEST_CASE(busy_threads_stand_still_and_go_on)
{
  counting_threads threads(8);
  for (int round = 0; round < 50; ++round) {
    std::vector<long> before, after;
    {
      stopped_threads others;
      BOOST_REQUIRE(others.stop(generous()) == HP_OK);
      BOOST_REQUIRE(others.count() == 8u);
      before = threads.values();
      // Once long enough for a thread to run also on a machine that is busy.
      const std::int64_t watched = round == 0 ? 100'000'000 : 200'000;
      const auto start = monotonic_now();
      while (monotonic_now() - start < watched)
        ;
      after = threads.values();
    }
    BOOST_REQUIRE(before == after);
  }
  const auto stopped = threads.values();
  for (std::size_t i = 0; i < stopped.size(); ++i)
    while (threads.values()[i] == stopped[i])
      std::this_thread::yield();  // ends only when every thread runs again
}

BOOST_AUTO_TEST_CASE(running_threads_do_not_look_stopped)
{
  // The control of the test above: without the stop the counters do change.
  counting_threads threads(2);
  const auto before = threads.values();
  std::this_thread::sleep_for(50ms);
  BOOST_TEST((before != threads.values()));
}

BOOST_AUTO_TEST_CASE(registers_and_thread_pointer_are_those_of_the_thread)
{
  std::atomic<pid_t> id{0};
  std::atomic<bool> done{false};
  pthread_t self{};
  std::thread thread([&] {
    self = pthread_self();
    id = thread_id();
    asm volatile(
        "mov $0x1234567887654321, %%r13\n\t"
        "1: pause\n\t"
        "cmpb $0, %0\n\t"
        "je 1b"
        :
        : "m"(done)
        : "r13", "memory");
  });
  while (id == 0)
    std::this_thread::yield();
  std::this_thread::sleep_for(5ms);
  {
    stopped_threads others;
    BOOST_REQUIRE(others.stop(generous()) == HP_OK);
    BOOST_REQUIRE(others.count() == 1u);
    BOOST_TEST(others.first()->thread == id);
    BOOST_TEST(others.first()->thread_pointer ==
               static_cast<std::uintptr_t>(self));
    BOOST_TEST(others.first()->context->uc_mcontext.gregs[REG_R13] ==
               0x1234567887654321);
  }
  done = true;
  thread.join();
}

BOOST_AUTO_TEST_CASE(a_blocked_read_goes_on_without_an_error)
{
  int ends[2];
  BOOST_REQUIRE(pipe(ends) == 0);
  std::atomic<pid_t> id{0};
  ssize_t got = -1;
  int error = 0;
  std::thread thread([&] {
    char byte;
    errno = 77;
    id = thread_id();
    got = read(ends[0], &byte, 1);
    error = errno;
  });
  while (id == 0)
    std::this_thread::yield();
  wait_until_asleep(id);
  for (int i = 0; i < 20; ++i) {
    stopped_threads others;
    BOOST_REQUIRE(others.stop(generous()) == HP_OK);
    BOOST_REQUIRE(others.count() == 1u);
  }
  BOOST_REQUIRE(write(ends[1], "x", 1) == 1);
  thread.join();
  BOOST_TEST(got == 1);
  BOOST_TEST(error == 77);  // errno is untouched as well
  close(ends[0]);
  close(ends[1]);
}

BOOST_AUTO_TEST_CASE(mutexes_and_condition_variables_survive)
{
  std::mutex mutex;
  std::condition_variable changed;
  bool ready = false;
  std::atomic<int> passed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return ready; });
      ++passed;
    });
  for (int i = 0; i < 20; ++i) {
    stopped_threads others;
    BOOST_REQUIRE(others.stop(generous()) == HP_OK);
  }
  BOOST_TEST(passed == 0);
  {
    std::lock_guard lock(mutex);
    ready = true;
  }
  changed.notify_all();
  for (auto& thread : threads)
    thread.join();
  BOOST_TEST(passed == 4);
}

BOOST_AUTO_TEST_CASE(what_signal_7_never_restarts_returns_EINTR)
{
  // Documents the limit: poll() is on signal(7)'s list.
  std::atomic<pid_t> id{0};
  int result = 0;
  int error = 0;
  std::thread thread([&] {
    id = thread_id();
    result = poll(nullptr, 0, 60'000);
    error = errno;
  });
  while (id == 0)
    std::this_thread::yield();
  wait_until_asleep(id);
  {
    stopped_threads others;
    BOOST_REQUIRE(others.stop(generous()) == HP_OK);
  }
  thread.join();
  BOOST_TEST(result == -1);
  BOOST_TEST(error == EINTR);
}

BOOST_AUTO_TEST_CASE(threads_on_an_alternate_signal_stack_are_stopped)
{
  static std::atomic<bool> inside{false}, leave{false};
  static std::atomic<std::uintptr_t> stack_used{0};
  std::vector<char> alternate(64 * 1024);
  struct sigaction action {};
  action.sa_handler = [](int) {
    char here;
    stack_used = reinterpret_cast<std::uintptr_t>(&here);
    inside = true;
    while (!leave)
      ;
  };
  action.sa_flags = SA_ONSTACK;
  sigaction(SIGUSR1, &action, nullptr);
  std::thread thread([&] {
    stack_t stack{};
    stack.ss_sp = alternate.data();
    stack.ss_size = alternate.size();
    sigaltstack(&stack, nullptr);
    raise(SIGUSR1);
    stack.ss_flags = SS_DISABLE;
    sigaltstack(&stack, nullptr);
  });
  while (!inside)
    std::this_thread::yield();
  {
    stopped_threads others;
    BOOST_REQUIRE(others.stop(generous()) == HP_OK);
    BOOST_REQUIRE(others.count() == 1u);
    const ucontext_t& context = *others.first()->context;
    const auto sp =
        static_cast<std::uintptr_t>(context.uc_mcontext.gregs[REG_RSP]);
    const auto base = reinterpret_cast<std::uintptr_t>(alternate.data());
    BOOST_TEST(sp - base < alternate.size());
    BOOST_TEST(context.uc_stack.ss_sp == alternate.data());
  }
  leave = true;
  thread.join();
}

BOOST_AUTO_TEST_CASE(threads_that_come_and_go_during_500_stops)
{
  std::atomic<bool> done{false};
  std::atomic<long> born{0}, running{0};
  std::vector<std::thread> creators;
  for (int i = 0; i < 3; ++i)
    creators.emplace_back([&] {
      while (!done) {
        std::thread first([&] { ++running, ++born, --running; });
        std::thread second([&] {
          std::thread([&] { ++born; }).join();
          ++born;
        });
        first.join();
        second.join();
      }
    });
  while (born < 10)
    std::this_thread::yield();
  long births_seen = 0;
  for (int round = 0; round < 500; ++round) {
    const long before_stop = born;
    stopped_threads others;
    const hp_status status = others.stop(generous());
    // Nothing here may allocate: a stopped thread may hold the lock.
    const long at_stop = born;
    std::size_t counted = 0, listed = 0;
    const int error = list_threads(
        [](pid_t, void* count) { ++*static_cast<std::size_t*>(count); },
        &listed, counted);
    const auto start = monotonic_now();
    while (monotonic_now() - start < 50'000)
      ;
    const long at_resume = born;
    const std::size_t stopped = others.count();
    others.resume();
    if (status != HP_OK)
      BOOST_TEST_MESSAGE(last_message());
    BOOST_REQUIRE(status == HP_OK);
    BOOST_REQUIRE(error == 0);
    BOOST_REQUIRE(stopped >= 3u);
    BOOST_REQUIRE(listed == stopped + 1);
    BOOST_REQUIRE(at_resume == at_stop);
    births_seen += born - before_stop;
    std::this_thread::sleep_for(200us);
  }
  BOOST_TEST(births_seen > 0);  // there were some to be missed
  done = true;
  for (auto& creator : creators)
    creator.join();
}

BOOST_AUTO_TEST_CASE(two_stoppers_take_turns)
{
  std::atomic<long> stops{0};
  std::atomic<int> inside{0};
  std::atomic<bool> overlapped{false};
  const auto stopper = [&] {
    for (int i = 0; i < 200; ++i) {
      stopped_threads others;
      if (others.stop(generous()) != HP_OK)
        continue;
      if (inside.fetch_add(1) != 0)
        overlapped = true;
      --inside;
      ++stops;
    }
  };
  std::thread first(stopper), second(stopper), third(stopper);
  first.join();
  second.join();
  third.join();
  BOOST_TEST(stops == 600);
  BOOST_TEST(!overlapped);
}

BOOST_AUTO_TEST_CASE(a_forked_child_stops_its_own_threads)
{
  counting_threads threads(3);
  {
    stopped_threads others;
    BOOST_REQUIRE(others.stop(generous()) == HP_OK);
  }
  BOOST_TEST(in_child([] {
    {
      stopped_threads nobody;
      if (nobody.stop(generous()) != HP_OK || nobody.count() != 0)
        return false;
    }
    counting_threads own(2);
    stopped_threads others;
    return others.stop(generous()) == HP_OK && others.count() == 2;
  }));
}

BOOST_AUTO_TEST_CASE(a_child_forked_during_stops_finds_the_lock_free)
{
  std::atomic<bool> done{false};
  std::thread stopper([&] {
    while (!done) {
      stopped_threads others;
      (void)others.stop(generous());
    }
  });
  for (int i = 0; i < 50; ++i)
    BOOST_REQUIRE(in_child([] {
      stopped_threads nobody;
      return nobody.stop(generous()) == HP_OK && nobody.count() == 0;
    }));
  done = true;
  stopper.join();
}

// Whatever the parent had begun: the gate that stood open at the fork is closed
// by the first call that concerns stopping, so that a signal sent by then holds
// nobody.
BOOST_AUTO_TEST_CASE(a_child_forked_during_a_stop_chooses_its_signal)
{
  counting_threads threads(2);
  stopped_threads others;
  BOOST_REQUIRE(others.stop(generous()) == HP_OK);
  const int old_signal = current_stop_signal();
  BOOST_TEST(in_child([=] {
    if (hp_set_stop_signal(SIGSTKFLT) != HP_OK)
      return false;
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_UNBLOCK, &all, nullptr);  // the stop had blocked them
    raise(old_signal);
    stopped_threads nobody;
    return nobody.stop(generous()) == HP_OK && nobody.count() == 0 &&
           current_stop_signal() == SIGSTKFLT;
  }));
}

BOOST_AUTO_TEST_CASE(the_callers_signals_wait_until_it_has_resumed_the_others)
{
  static std::atomic<int> seen{0};
  signal(SIGUSR1, [](int) { ++seen; });
  stopped_threads others;
  BOOST_REQUIRE(others.stop(generous()) == HP_OK);
  raise(SIGUSR1);
  BOOST_TEST(seen == 0);
  others.resume();
  BOOST_TEST(seen == 1);
}

BOOST_AUTO_TEST_CASE(serialising_reaches_every_thread)
{
  counting_threads threads(4);
  for (int i = 0; i < 20; ++i)
    BOOST_TEST(serialise_threads(generous()) == HP_OK);
}

BOOST_AUTO_TEST_CASE(a_thousand_threads_are_stopped)
{
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  std::atomic<int> started{0};
  int ends[2];
  BOOST_REQUIRE(pipe(ends) == 0);
  for (int i = 0; i < 1000; ++i)
    threads.emplace_back([&] {
      ++started;
      char byte;
      while (read(ends[0], &byte, 1) < 0)
        ;
    });
  while (started < 1000)
    std::this_thread::yield();
  for (int i = 0; i < 5; ++i) {
    stopped_threads others;
    BOOST_REQUIRE(others.stop(generous()) == HP_OK);
    BOOST_REQUIRE(others.count() == 1000u);
  }
  close(ends[1]);
  for (auto& thread : threads)
    thread.join();
  close(ends[0]);
}
