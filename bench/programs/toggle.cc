// Calls per second while functions are changed so many times per second, and
// while they are not.
//
//     toggle CALLERS CHANGES_PER_SECOND AT_ONCE MILLISECONDS
//
// AT_ONCE is 1, or the number of all functions: then each transaction counts as
// so many changes.  The two ways take turns, as what else happens on the
// machine shall concern both; in the one that others are compared with the
// functions are replaced for half of the time, too, but in one piece.  Where
// the engine cannot keep up, the rate that it reached is reported, too.  With a
// rate of 0 both are the same, and what is lost is how exact the others are.
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

// How many changes were made, at most `rate` a second, until `end`; -1: one
// failed.  Waits as busily as it changes.
double change(double rate, std::size_t at_once, std::int64_t start,
              std::int64_t end)
{
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
  if (turns % 2 != 0 && !toggle(turns, at_once))
    return -1;
  return static_cast<double>(turns) * step;
}

struct total {
  double calls = 0;
  double changes = 0;
  double seconds = 0;

  // A rate of 0 replaces a transaction's worth of functions for the second half
  // of the time.
  bool add(double rate, std::size_t at_once, std::int64_t duration,
           const std::vector<counter>& counters)
  {
    const double before = count(counters);
    const std::int64_t start = bench::now();
    if (rate == 0)
      rate = 2e9 * static_cast<double>(at_once) / static_cast<double>(duration);
    const double made = change(rate, at_once, start, start + duration);
    calls += count(counters) - before;
    changes += made;
    seconds += static_cast<double>(bench::now() - start) / 1e9;
    return made >= 0;
  }

  static double count(const std::vector<counter>& counters)
  {
    long sum = 0;
    for (const counter& each : counters)
      sum += each.calls;
    return static_cast<double>(sum);
  }

  double calls_per_second() const { return calls / seconds; }
};

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

  constexpr int turns = 3;  // each with transactions at the lowest rate
  total quiet;
  total changing;
  bool good = true;
  for (int turn = 0; good && turn < turns; ++turn)
    good = quiet.add(0, at_once, duration / turns / 2, counters) &&
           changing.add(rate, at_once, duration / turns / 2, counters);
  stop = true;
  for (std::thread& thread : threads)
    thread.join();
  if (!good)
    return 1;
  bench::report("calls, unchanged", rate, quiet.calls_per_second(), "1/s");
  bench::report("calls, while changed", rate, changing.calls_per_second(),
                "1/s");
  // A busy machine may have let nobody call in so short a time.
  if (quiet.calls > 0)
    bench::report(
        "calls lost", rate,
        100 * (1 - changing.calls_per_second() / quiet.calls_per_second()),
        "%");
  bench::report("changes", rate, changing.changes / changing.seconds, "1/s");
}
