// hotpatch itself.
// SPDX-License-Identifier: MIT
#include <hotpatch.h>

#include "bench/engine.h"

namespace bench::engine {

namespace {

constexpr int result = -2;

int replacement(int)
{
  return result;
}

bool commit(hp_transaction* all)
{
  if (hp_commit(all, nullptr) == HP_OK)
    return true;
  hp_abort(all);
  return false;
}

}  // namespace

void start() {}

bool apply(std::size_t which)
{
  return hp_apply(subjects[which].name, replacement) == HP_OK;
}

bool revert(std::size_t which)
{
  return hp_revert(subjects[which].name) == HP_OK;
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
  if (count == subject_count)
    return hp_revert_all() == HP_OK;
  hp_transaction* all = hp_begin();
  for (std::size_t i = 0; i < count; ++i)
    hp_add_revert(all, subjects[i].name);
  return commit(all);
}

int replaced_result()
{
  return result;
}

}  // namespace bench::engine
