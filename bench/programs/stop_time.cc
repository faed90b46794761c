// How long threads stand still while their stacks are searched: p50 and p99 of
// the time from the first signal until all have been released, for 1 to 1,000
// threads that wait in read() a few kilobytes down their stacks.
//
// SPDX-License-Identifier: MIT
#include <atomic>
#include <cstdio>
#include <pthread.h>
#include <unistd.h>
#include <vector>

#include "bench/report.h"
#include "runtime/threads/quiescence.h"
#include "runtime/threads/stack_search.h"

using namespace hotpatch;

namespace {

std::atomic<int> waiting{0};

[[gnu::noinline]] void wait_deep_down(int depth, int pipe)
{
  volatile char frame[512];
  frame[0] = 1;
  if (depth != 0) {
    wait_deep_down(depth - 1, pipe);
  } else {
    char byte;
    ++waiting;
    while (read(pipe, &byte, 1) < 0)
      ;
  }
  frame[1] = frame[0];
}

// False: a stop failed.
bool measure(int rounds)
{
  static const code_range nowhere[] = {
      {0x123400000000, 0x123400010000, "nowhere", code_kind::whole}};
  static code_ranges ranges;
  std::vector<std::int64_t> times;
  if (ranges.prepare(nowhere, searched_memory()) != HP_OK)
    return false;
  std::size_t threads = 0;
  for (int i = 0; i < rounds; ++i) {
    locked_stacks announced;
    stopped_threads others;
    occupation found;
    const std::int64_t start = monotonic_now();
    const bool alone =
        others.stop(deadline::in_milliseconds(10'000)) == HP_OK &&
        !stack_search(ranges, announced).find_others(others, found);
    threads = others.count();
    others.resume();
    times.push_back(monotonic_now() - start);
    if (!alone)
      return false;
    usleep(2000);
  }
  const auto x = static_cast<double>(threads);
  bench::report("stop p50", x, bench::percentile(times, 0.5) / 1000, "us");
  bench::report("stop p99", x, bench::percentile(times, 0.99) / 1000, "us");
  return true;
}

}  // namespace

int main()
{
  int ends[2];
  if (pipe(ends) != 0)
    return 1;
  int threads = 0;
  for (const int goal : {1, 10, 100, 1000}) {
    for (; threads < goal; ++threads) {
      pthread_t thread;
      if (pthread_create(
              &thread, nullptr,
              [](void* pipe) -> void* {
                wait_deep_down(8, *static_cast<int*>(pipe));
                return nullptr;
              },
              &ends[0]) != 0)
        return 1;
    }
    while (waiting < goal)
      usleep(1000);
    if (!measure(goal == 1000 ? 100 : 500)) {
      std::fputs("the threads could not be stopped\n", stderr);
      return 1;
    }
  }
  std::fflush(stdout);
  _exit(0);  // without the threads' help
}
