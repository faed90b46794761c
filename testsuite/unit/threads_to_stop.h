// Threads for tests that stop them.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TESTSUITE_THREADS_TO_STOP_H
#define HOTPATCH_TESTSUITE_THREADS_TO_STOP_H

#include <atomic>
#include <chrono>
#include <deque>
#include <thread>
#include <vector>

#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/base/deadline.h"
#include "runtime/threads/thread_list.h"

namespace hotpatch_test {

using namespace hotpatch;
using namespace std::chrono_literals;

inline deadline generous()
{
  return deadline::in_milliseconds(20'000);
}

// Threads that count until they are told to end.
class counting_threads {
 public:
  explicit counting_threads(int count) : counters_(count)
  {
    for (auto& counter : counters_)
      threads_.emplace_back([this, &counter] {
        while (!done_.load(std::memory_order_relaxed))
          counter.fetch_add(1, std::memory_order_relaxed);
      });
    for (auto& counter : counters_)
      while (counter.load() == 0)
        std::this_thread::yield();
  }
  ~counting_threads()
  {
    done_ = true;
    for (auto& thread : threads_)
      thread.join();
  }
  std::vector<long> values() const
  {
    std::vector<long> result;
    for (const auto& counter : counters_)
      result.push_back(counter.load());
    return result;
  }

 private:
  std::atomic<bool> done_{false};
  std::deque<std::atomic<long>> counters_;
  std::vector<std::thread> threads_;
};

inline pid_t thread_id()
{
  return static_cast<pid_t>(syscall(SYS_gettid));
}

inline void wait_until_asleep(pid_t thread)
{
  thread_status status;
  while (read_thread_status(thread, status) && status.state != 'S')
    std::this_thread::sleep_for(100us);
}

}  // namespace hotpatch_test

#endif
