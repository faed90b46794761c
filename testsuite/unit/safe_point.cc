// Real threads that are held at their safe points, and nowhere else.
// SPDX-License-Identifier: MIT
#include "testsuite/lib/boost_tap.h"

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/status.h"
#include "runtime/threads/safe_point.h"

using namespace hotpatch;
using namespace std::chrono_literals;

namespace {

deadline generous()
{
  return deadline::in_milliseconds(20'000);
}

// Registered threads that go through a loop with one safe point: both counters
// of a thread are equal there, and only there.  Nearly all of a round is
// between the two, so a thread that runs is hardly ever seen outside.
class looping_threads {
 public:
  explicit looping_threads(int count) : pairs_(count)
  {
    for (auto& each : pairs_)
      threads_.emplace_back([this, &each] {
        hp_thread_register();
        each.registered = true;
        while (!done_) {
          each.first.fetch_add(1);
          for (int i = 0; i < 100; ++i)
            __builtin_ia32_pause();
          each.second.fetch_add(1);
          hp_safepoint();
        }
      });
    for (auto& each : pairs_)
      while (!each.registered)
        std::this_thread::yield();
  }
  ~looping_threads()
  {
    done_ = true;
    for (auto& thread : threads_)
      thread.join();
  }
  bool all_between_rounds() const
  {
    for (const auto& each : pairs_)
      if (each.first != each.second)
        return false;
    return true;
  }
  long rounds() const
  {
    long sum = 0;
    for (const auto& each : pairs_)
      sum += each.first;
    return sum;
  }

 private:
  struct pair {
    std::atomic<long> first{0}, second{0};
    std::atomic<bool> registered{false};
  };
  std::atomic<bool> done_{false};
  std::vector<pair> pairs_;
  std::vector<std::thread> threads_;
};

bool message_has(const std::string& part)
{
  return std::string(last_message()).find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_CASE(nobody_is_registered)
{
  safe_point_stop stop;
  BOOST_TEST(stop.reach(generous()) == HP_OK);
  hp_safepoint();  // does not hold a thread that is not registered
}

BOOST_AUTO_TEST_CASE(all_stand_between_two_rounds)
{
  looping_threads threads(4);
  for (int i = 0; i < 200; ++i) {
    // Those that the last stop held are on their way again.
    const long held = threads.rounds();
    while (threads.rounds() == held)
      std::this_thread::yield();
    safe_point_stop stop;
    BOOST_REQUIRE(stop.reach(generous()) == HP_OK);
    BOOST_REQUIRE(threads.all_between_rounds());
    const long before = threads.rounds();
    std::this_thread::sleep_for(20us);
    BOOST_REQUIRE(threads.rounds() == before);
  }
  const long before = threads.rounds();
  while (threads.rounds() == before)
    std::this_thread::yield();
}

BOOST_AUTO_TEST_CASE(without_a_stop_they_are_seen_inside_a_round)
{
  // The control of the test above.
  looping_threads threads(4);
  while (threads.all_between_rounds())
    ;
  BOOST_TEST(threads.rounds() > 0);
}

BOOST_AUTO_TEST_CASE(a_thread_that_passes_no_safe_point_is_named)
{
  std::atomic<bool> ready{false}, done{false};
  std::thread thread([&] {
    prctl(PR_SET_NAME, "endless");
    hp_thread_register();
    ready = true;
    while (!done)
      std::this_thread::yield();
  });
  looping_threads others(2);
  while (!ready)
    std::this_thread::yield();
  // On a loaded machine the others may be late as well.
  do {
    safe_point_stop stop;
    BOOST_REQUIRE(stop.reach(deadline::in_milliseconds(20)) == HP_BUSY);
  } while (!message_has("(endless) has not reached a safe point"));
  const long before = others.rounds();
  while (others.rounds() == before)  // no thread is left standing
    std::this_thread::yield();
  done = true;
  thread.join();
  // A thread that has ended is not waited for.
  safe_point_stop stop;
  BOOST_TEST(stop.reach(generous()) == HP_OK);
}

BOOST_AUTO_TEST_CASE(a_thread_that_is_offline_is_not_waited_for)
{
  std::atomic<int> step{0};
  std::thread thread([&] {
    hp_thread_register();
    hp_thread_offline();
    step = 1;
    while (step != 2)
      std::this_thread::yield();
    hp_thread_online();
    step = 3;
    while (step != 4)
      hp_safepoint();
    hp_thread_unregister();
  });
  while (step != 1)
    std::this_thread::yield();
  {
    safe_point_stop stop;
    BOOST_REQUIRE(stop.reach(generous()) == HP_OK);
    step = 2;
    std::this_thread::sleep_for(20ms);
    BOOST_TEST(step == 2);  // it waits until the stop is over
  }
  while (step != 3)
    std::this_thread::yield();
  {
    safe_point_stop stop;
    BOOST_REQUIRE(stop.reach(generous()) == HP_OK);
  }
  step = 4;
  thread.join();
}

BOOST_AUTO_TEST_CASE(registered_threads_can_be_the_ones_that_stop)
{
  std::atomic<int> held{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      hp_thread_register();
      for (int round = 0; round < 200; ++round) {
        {
          safe_point_stop stop;
          if (stop.reach(generous()) == HP_OK)
            ++held;
        }
        hp_safepoint();
      }
    });
  for (auto& thread : threads)
    thread.join();
  BOOST_TEST(held == 800);
}

BOOST_AUTO_TEST_CASE(waiting_for_a_lock_of_the_library_is_offline)
{
  std::atomic<int> step{0};
  std::thread thread([&] {
    hp_thread_register();
    {
      offline_scope waiting;
      step = 1;
      while (step != 2)
        std::this_thread::yield();
    }
    step = 3;
    hp_thread_unregister();
  });
  while (step != 1)
    std::this_thread::yield();
  safe_point_stop stop;
  BOOST_TEST(stop.reach(generous()) == HP_OK);
  step = 2;
  std::this_thread::sleep_for(10ms);
  BOOST_TEST(step == 2);
  stop.release();
  thread.join();
  BOOST_TEST(step == 3);
}

BOOST_AUTO_TEST_CASE(threads_come_and_go_during_stops)
{
  std::atomic<bool> done{false};
  std::vector<std::thread> creators;
  for (int i = 0; i < 2; ++i)
    creators.emplace_back([&] {
      while (!done)
        std::thread([&] {
          hp_thread_register();
          for (int j = 0; j < 10; ++j)
            hp_safepoint();
          if (done)
            hp_thread_unregister();
        }).join();
    });
  for (int i = 0; i < 300; ++i) {
    safe_point_stop stop;
    BOOST_REQUIRE(stop.reach(generous()) == HP_OK);
  }
  done = true;
  for (auto& creator : creators)
    creator.join();
}

BOOST_AUTO_TEST_CASE(a_forked_child_knows_only_its_own_thread)
{
  looping_threads others(2);
  int status = -1;
  std::thread([&] {
    hp_thread_register();
    const pid_t child = fork();
    if (child == 0) {
      alarm(60);
      {
        safe_point_stop stop;
        if (stop.reach(generous()) != HP_OK)
          _exit(1);
      }
      // It is still registered: another thread has to wait for it.
      bool busy = false;
      std::thread([&] {
        safe_point_stop stop;
        busy = stop.reach(deadline::in_milliseconds(10)) == HP_BUSY;
      }).join();
      _exit(busy && hp_thread_unregister() == HP_OK ? 0 : 2);
    }
    hp_thread_offline();
    waitpid(child, &status, 0);
    hp_thread_online();
  }).join();
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_CASE(registering_twice_and_unregistering)
{
  BOOST_TEST(hp_thread_unregister() == HP_INVALID);
  BOOST_TEST(hp_thread_register() == HP_OK);
  BOOST_TEST(hp_thread_register() == HP_OK);
  BOOST_TEST(hp_thread_unregister() == HP_OK);
  BOOST_TEST(hp_thread_unregister() == HP_INVALID);
}
