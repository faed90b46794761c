// The first change in a shared object with very many sites: how long it takes,
// and how much memory the index of its sites takes, and each patch.
//
//     first_of_object OBJECT SITES    an object made by many_sites
//
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <string>

#include <hotpatch.h>

#include "bench/report.h"

namespace {

int replacement(const char*, unsigned long)
{
  return 1;
}

// Of many_sites: those whose names are C.
std::string name_of(int number)
{
  return "handle_request_" + std::to_string(number / 4 * 4 + 2);
}

// Memory of this process, in bytes, that no other one shares.
double private_memory()
{
  double sum = 0;
  std::FILE* file = std::fopen("/proc/self/smaps_rollup", "r");
  char line[256];
  while (file != nullptr && std::fgets(line, sizeof line, file) != nullptr) {
    double kilobytes = 0;
    if (std::sscanf(line, "Private_Clean: %lf", &kilobytes) == 1 ||
        std::sscanf(line, "Private_Dirty: %lf", &kilobytes) == 1)
      sum += kilobytes * 1024;
  }
  if (file != nullptr)
    std::fclose(file);
  return sum;
}

int failed()
{
  std::fprintf(stderr, "%s\n", hp_error_message());
  return 1;
}

}  // namespace

int main(int argc, char** argv)
{
  if (argc != 3 || dlopen(argv[1], RTLD_NOW) == nullptr)
    return 1;
  const int sites = std::atoi(argv[2]);
  const int patches = std::min(sites / 4, 10'000);
  hp_transaction* all = hp_begin();
  for (int i = 0; i < patches; ++i)
    hp_add_apply(all, name_of(4 * i).c_str(), replacement);

  const double before = private_memory();
  const std::int64_t start = bench::now();
  if (hp_apply(name_of(sites / 2).c_str(), replacement) != HP_OK)
    return failed();
  const std::int64_t end = bench::now();
  const double indexed = private_memory();
  if (hp_commit(all, nullptr) != HP_OK)
    return failed();
  const double patched = private_memory();
  bench::report("first apply", sites, static_cast<double>(end - start) / 1e6,
                "ms");
  bench::report("memory per site", sites, (indexed - before) / sites, "bytes");
  bench::report("memory per patch", sites, (patched - indexed) / patches,
                "bytes");
}
