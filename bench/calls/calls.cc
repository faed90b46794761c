// How long a call takes: nanoseconds for each of the functions of one shape,
// called directly and through a table of addresses.  Of several measurements
// the fastest counts: what else the machine does only ever adds to it.
//
//     calls STATE [--benchmark_...]
//
// SPDX-License-Identifier: MIT
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "bench/calls/calls.h"
#include "bench/report.h"

extern "C" {
int direct_leaf(int);
int direct_pushes(int);
int direct_tail(int);
int indirect_leaf(int);
int indirect_pushes(int);
int indirect_tail(int);

// What the functions that end with a jump jump to.
[[gnu::noipa]] int shape_end(int x)
{
  return x;
}
}

namespace {

constexpr int calls_each = 64;  // COUNT in shapes.py

void call_all(benchmark::State& state, int (*all)(int))
{
  int x = 1;
  for (auto _ : state) {
    x = all(x);
    benchmark::DoNotOptimize(x);
  }
}

// All repetitions of one benchmark, whose name is "METRIC/SHAPE".
class reporter : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override
  {
    double fastest = 1e9;
    for (const Run& run : runs)
      if (run.run_type == Run::RT_Iteration)
        fastest = std::min(fastest, run.GetAdjustedCPUTime());
    if (runs.empty() || fastest >= 1e9)
      return;
    // In 1.7 the name of a repeated benchmark ends with "/repeats:N".
    const std::string& name = runs.front().run_name.function_name;
    const std::size_t slash = name.find('/');
    bench::report(name.substr(0, slash).c_str(), name.substr(slash + 1).c_str(),
                  fastest / calls_each, "ns");
  }
};

}  // namespace

int main(int argc, char** argv)
{
  if (argc < 2 || !bench::prepare(argv[1])) {
    std::fprintf(stderr, "cannot reach the state \"%s\"\n",
                 argc < 2 ? "" : argv[1]);
    return 1;
  }
  const auto add = [](const char* name, int (*all)(int)) {
    benchmark::RegisterBenchmark(name, call_all, all)
        ->Unit(benchmark::kNanosecond);
  };
  add("direct call/leaf", direct_leaf);
  add("direct call/pushes", direct_pushes);
  add("direct call/tail call", direct_tail);
  add("indirect call/leaf", indirect_leaf);
  add("indirect call/pushes", indirect_pushes);
  add("indirect call/tail call", indirect_tail);
  argv[1] = argv[0];
  --argc;
  ++argv;
  benchmark::Initialize(&argc, argv);
  reporter lines;
  benchmark::RunSpecifiedBenchmarks(&lines);
}
