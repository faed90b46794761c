// Calls per second while functions are changed so many times per second.
//
//     toggle CALLERS CHANGES_PER_SECOND AT_ONCE MILLISECONDS
//
// AT_ONCE is 1, or the number of all functions: then each transaction counts as
// so many changes.  A rate of 0 is what the others are compared with: the
// functions are replaced for half of the time there, too, but in one piece.
// Where the engine cannot keep up, the rate that it reached is reported, too.
//
// SPDX-License-Identifier: MIT
#include <atomic>
#include <cstdlib>
#include <thread>
#include <vector>

#include "bench/engine.h"
#include "bench/report.h"

namespace {

using bench::subject_count;
using bench::subjects;

struct alignas(128) counter {
  std::atomic<long> calls{0};
};

std::atomic<bool> stop{false};

void keep_calling(counter& mine)
{
  long calls = 0;
  while (!stop.load(std::memory_order_relaxed)) {
    for (std::size_t i = 0; i < subject_count; ++i)
      subjects[i].call(static_cast<int>(i));
    calls += static_cast<long>(subject_count);
    mine.calls.store(calls, std::memory_order_relaxed);
  }
}

bool toggle(long turn, std::size_t at_once)
{
  using namespace bench::engine;
  const bool back = turn % 2 != 0;
  if (at_once > 1)
    return back ? revert_many(subject_count) : apply_many(subject_count);
  const std::size_t which = static_cast<std::size_t>(turn / 2) % subject_count;
  return back ? revert(which) : apply(which);
}

// A transaction's worth of functions is replaced for the second half of the
// time.  As busy as the other way to spend it, which is change().
bool change_once(std::size_t at_once, std::int64_t end)
{
  const std::int64_t middle = bench::now() + (end - bench::now()) / 2;
  while (bench::now() < middle)
    continue;
  if (!toggle(0, at_once))
    return false;
  while (bench::now() < end)
    continue;
  return toggle(1, at_once);
}

// How many changes were made, at most `rate` a second, until `end`; -1: one
// failed.
double change(double rate, std::size_t at_once, std::int64_t end)
{
  const std::int64_t start = bench::now();
  const auto step = static_cast<double>(at_once);
  long turns = 0;
  for (std::int64_t time = start; time < end; time = bench::now()) {
    const double due = static_cast<double>(time - start) * rate / 1e9;
    if ((static_cast<double>(turns) + 1) * step > due)
      continue;
    if (!toggle(turns, at_once))
      return -1;
    ++turns;
  }
  if (turns % 2 != 0)
    toggle(turns, at_once);
  return static_cast<double>(turns) * step;
}

}  // namespace

int main(int argc, char** argv)
{
  if (argc != 5)
    return 64;
  const int callers = std::atoi(argv[1]);
  const double rate = std::atof(argv[2]);
  const auto at_once = static_cast<std::size_t>(std::atoi(argv[3]));
  const std::int64_t duration = std::atoll(argv[4]) * 1'000'000;
  bench::engine::start();
  std::vector<counter> counters(static_cast<std::size_t>(callers));
  std::vector<std::thread> threads;
  for (counter& each : counters)
    threads.emplace_back(keep_calling, std::ref(each));
  for (const counter& each : counters)
    while (each.calls == 0)
      std::this_thread::yield();
  // Not measured: the first change finds the sites.
  if (!toggle(0, at_once) || !toggle(1, at_once))
    return 1;

  const auto count = [&] {
    long sum = 0;
    for (const counter& each : counters)
      sum += each.calls;
    return static_cast<double>(sum);
  };
  const double before = count();
  const std::int64_t start = bench::now();
  const std::int64_t end = start + duration;
  double changes = 0;
  if (rate > 0)
    changes = change(rate, at_once, end);
  else if (!change_once(at_once, end))
    changes = -1;
  const double seconds = static_cast<double>(bench::now() - start) / 1e9;
  const double calls = count() - before;
  stop = true;
  for (std::thread& thread : threads)
    thread.join();
  if (changes < 0)
    return 1;
  bench::report("calls per second", rate, calls / seconds, "1/s");
  bench::report("changes per second", rate, changes / seconds, "1/s");
}
