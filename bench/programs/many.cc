// All functions in one go: time for each, the first time and again.
//
// The first time the kernel copies each page of text that is written to
// (copy on write), and the library reads the program's file.
//
// SPDX-License-Identifier: MIT
#include <cstdlib>

#include "bench/engine.h"
#include "bench/report.h"

namespace {

using bench::subject_count;

double per_site(std::int64_t start)
{
  return static_cast<double>(bench::now() - start) /
         static_cast<double>(subject_count);
}

bool measure(const char* metric, bool (*change)(std::size_t))
{
  const std::int64_t start = bench::now();
  if (!change(subject_count))
    return false;
  bench::report(metric, static_cast<double>(subject_count), per_site(start),
                "ns");
  return true;
}

}  // namespace

int main()
{
  using namespace bench;
  engine::start();
  if (!measure("apply, first time", engine::apply_many))
    return 1;
  for (std::size_t i = 0; i < subject_count; ++i)
    if (!engine::entered_replacement(subjects[i].call(1)))
      return 1;
  return measure("revert", engine::revert_many) &&
                 measure("apply, again", engine::apply_many) &&
                 measure("revert, again", engine::revert_many)
             ? 0
             : 1;
}
