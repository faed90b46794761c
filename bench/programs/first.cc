// The first change of a process, which finds all sites: how long it takes, and
// one right behind it.
// SPDX-License-Identifier: MIT
#include "bench/engine.h"
#include "bench/report.h"

int main()
{
  using namespace bench;
  const auto sites = static_cast<double>(subject_count);
  engine::start();
  const std::int64_t start = now();
  if (!engine::apply(subject_count / 2))
    return 1;
  const std::int64_t first = now();
  if (!engine::revert(subject_count / 2))
    return 1;
  report("first apply", sites, static_cast<double>(first - start) / 1e6, "ms");
  report("the change behind it", sites,
         static_cast<double>(now() - first) / 1e6, "ms");
}
