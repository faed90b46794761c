// One change at a time: how long apply and revert take, each, while so many
// threads call the function.
//
//     single BUSY_THREADS ROUNDS
//
// SPDX-License-Identifier: MIT
#include <atomic>
#include <cstdlib>
#include <thread>
#include <vector>

#include "bench/engine.h"
#include "bench/report.h"

namespace {

std::atomic<bool> stop{false};
std::atomic<unsigned> running{0};

void keep_calling()
{
  ++running;
  for (int x = 0; !stop.load(std::memory_order_relaxed); ++x)
    bench::subjects[bench::subject_count / 2].call(x);
}

bool change(bool (*how)(std::size_t), std::vector<std::int64_t>& times)
{
  const std::int64_t start = bench::now();
  const bool done = how(bench::subject_count / 2);
  times.push_back(bench::now() - start);
  return done;
}

}  // namespace

int main(int argc, char** argv)
{
  const unsigned busy =
      argc > 1 ? static_cast<unsigned>(std::atoi(argv[1])) : 0;
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 10'000;
  bench::engine::start();
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < busy; ++i)
    threads.emplace_back(keep_calling);
  while (running < busy)
    std::this_thread::yield();

  std::vector<std::int64_t> applied;
  std::vector<std::int64_t> reverted;
  bool good = true;
  // Not measured: the first change finds the sites and reads the program's
  // file.
  for (int i = 0; good && i < 10; ++i)
    good = bench::engine::apply(bench::subject_count / 2) &&
           bench::engine::revert(bench::subject_count / 2);
  for (int i = 0; good && i < rounds; ++i)
    good = change(bench::engine::apply, applied) &&
           change(bench::engine::revert, reverted);
  stop = true;
  for (std::thread& thread : threads)
    thread.join();
  if (!good)
    return 1;
  bench::report("apply p50", busy, bench::percentile(applied, 0.5), "ns");
  bench::report("apply p99", busy, bench::percentile(applied, 0.99), "ns");
  bench::report("revert p50", busy, bench::percentile(reverted, 0.5), "ns");
  bench::report("revert p99", busy, bench::percentile(reverted, 0.99), "ns");
}
