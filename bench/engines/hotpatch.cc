// hotpatch itself.
// SPDX-License-Identifier: MIT
#include <cstdlib>
#include <cstring>

#include <hotpatch.h>

#include "bench/engine.h"

namespace bench::engine {

namespace {

constexpr int result = -2;

int replacement(int)
{
  return result;
}

// Of the environment variable BENCH_LEVEL.
hp_commit_options options = {sizeof(hp_commit_options), HP_IMMEDIATE, 0, 1000};

bool commit(hp_transaction* all)
{
  if (hp_commit(all, &options) == HP_OK)
    return true;
  hp_abort(all);
  return false;
}

}  // namespace

void start()
{
  const char* level = std::getenv("BENCH_LEVEL");
  if (level != nullptr && std::strcmp(level, "strict") == 0)
    options.level = HP_STRICT;
  else if (level != nullptr && std::strcmp(level, "quiescent") == 0)
    options.level = HP_QUIESCENT;
}

bool apply(std::size_t which)
{
  if (options.level == HP_IMMEDIATE)
    return hp_apply(subjects[which].name, replacement) == HP_OK;
  hp_transaction* one = hp_begin();
  hp_add_apply(one, subjects[which].name, replacement);
  return commit(one);
}

bool revert(std::size_t which)
{
  if (options.level == HP_IMMEDIATE)
    return hp_revert(subjects[which].name) == HP_OK;
  hp_transaction* one = hp_begin();
  hp_add_revert(one, subjects[which].name);
  return commit(one);
}

bool apply_many(std::size_t count)
{
  hp_transaction* all = hp_begin();
  for (std::size_t i = 0; i < count; ++i)
    hp_add_apply(all, subjects[i].name, replacement);
  return commit(all);
}

bool revert_many(std::size_t count)
{
  if (count == subject_count && options.level == HP_IMMEDIATE)
    return hp_revert_all() == HP_OK;
  hp_transaction* all = hp_begin();
  for (std::size_t i = 0; i < count; ++i)
    hp_add_revert(all, subjects[i].name);
  return commit(all);
}

bool entered_replacement(int returned)
{
  return returned == result;
}

}  // namespace bench::engine
