// What a measuring program prints: one JSON object for each value.
//
// The frame (frame/) reads them; nothing else may go to the standard output.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_BENCH_REPORT_H
#define HOTPATCH_BENCH_REPORT_H

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <vector>

namespace bench {

inline std::int64_t now()
{
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// `x` is what the figure varies: threads, sites, changes per second.
inline void report(const char* metric, double x, double value, const char* unit)
{
  std::printf(
      "{\"metric\": \"%s\", \"x\": %.15g, \"value\": %.15g, \"unit\": \"%s\"}"
      "\n",
      metric, x, value, unit);
  std::fflush(stdout);
}

inline void report(const char* metric, const char* x, double value,
                   const char* unit)
{
  std::printf(
      "{\"metric\": \"%s\", \"x\": \"%s\", \"value\": %.15g, "
      "\"unit\": \"%s\"}\n",
      metric, x, value, unit);
  std::fflush(stdout);
}

// Not empty; sorts them.
inline double percentile(std::vector<std::int64_t>& times, double part)
{
  const auto at =
      static_cast<std::ptrdiff_t>(static_cast<double>(times.size() - 1) * part);
  std::nth_element(times.begin(), times.begin() + at, times.end());
  return static_cast<double>(times[static_cast<std::size_t>(at)]);
}

}  // namespace bench

#endif
