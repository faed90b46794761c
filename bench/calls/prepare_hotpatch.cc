// Replaces all functions with those of the table in the program, or in the
// shared object of which the environment variable BENCH_OTHERS has the path.
// SPDX-License-Identifier: MIT
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>

#include <hotpatch.h>

#include "bench/calls/calls.h"

namespace {

bool replace(const bench::shape* others, int count)
{
  hp_transaction* all = hp_begin();
  for (int i = 0; i < count; ++i) {
    const bench::shape& it = others[i];
    if (it.original != nullptr)
      *it.original = reinterpret_cast<int (*)(int)>(hp_original(it.name));
    hp_add_apply_as(all, it.name, reinterpret_cast<hp_function>(it.call),
                    nullptr, 0);
  }
  if (hp_commit(all, nullptr) == HP_OK)
    return true;
  std::fprintf(stderr, "%s\n", hp_error_message());
  return false;
}

}  // namespace

bool bench::prepare(const char*)
{
  const char* path = std::getenv("BENCH_OTHERS");
  if (path == nullptr)
    return replace(shape_table, shape_table_size);
  void* object = dlopen(path, RTLD_NOW);
  if (object == nullptr)
    return false;
  const auto* others = static_cast<const shape*>(dlsym(object, "shape_table"));
  const auto* count =
      static_cast<const int*>(dlsym(object, "shape_table_size"));
  return others != nullptr && count != nullptr && replace(others, *count);
}
