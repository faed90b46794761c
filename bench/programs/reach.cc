// How long it takes until another core runs the new code: from the start of the
// change, and from its end, until a thread that calls the function all the time
// has entered the replacement.
//
//     reach ROUNDS
//
// SPDX-License-Identifier: MIT
#include <atomic>
#include <cstdlib>
#include <thread>
#include <vector>

#include "bench/engine.h"
#include "bench/report.h"

namespace {

// What the calling thread does: it waits for 0, says 1 when it has called the
// old function, and what time it was when it had called the new one.
enum : std::int64_t { idle = -2, quit = -1, ready = 0, calling = 1 };
std::atomic<std::int64_t> state{idle};

const bench::subject& function = bench::subjects[bench::subject_count / 2];

void keep_calling()
{
  for (;;) {
    std::int64_t now = state;
    if (now == quit)
      return;
    if (now != ready)
      continue;
    bench::engine::entered_replacement(function.call(1));
    state = calling;
    while (!bench::engine::entered_replacement(function.call(1)))
      continue;
    state = bench::now();
  }
}

}  // namespace

int main(int argc, char** argv)
{
  using namespace bench;
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 1000;
  const std::size_t which = subject_count / 2;
  engine::start();
  // Not measured: the first change finds the sites.
  if (!engine::apply(which) || !engine::revert(which))
    return 1;
  std::vector<std::int64_t> from_start;
  std::vector<std::int64_t> from_end;
  std::thread caller(keep_calling);
  bool good = true;
  for (int i = 0; good && i < rounds; ++i) {
    state = ready;
    while (state == ready)
      continue;
    const std::int64_t start = now();
    good = engine::apply(which);
    const std::int64_t end = now();
    while (good && state == calling)
      continue;
    from_start.push_back(state - start);
    from_end.push_back(state - end);
    good = engine::revert(which) && good;
  }
  state = quit;
  if (!good)
    std::_Exit(1);
  caller.join();
  report("from its start", "p50", percentile(from_start, 0.5), "ns");
  report("from its start", "p99", percentile(from_start, 0.99), "ns");
  report("from its end", "p50", percentile(from_end, 0.5), "ns");
  report("from its end", "p99", percentile(from_end, 0.99), "ns");
}
