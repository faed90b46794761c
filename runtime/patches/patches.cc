// The states of sites, kept while their images are loaded.
// SPDX-License-Identifier: MIT
#include "runtime/patches/patches.h"

#include "format/patch_word.h"
#include "runtime/base/countermeasure.h"

namespace hotpatch {

const site_state* patches::find(const located_site& where) const noexcept
{
  const site_state* state = table_.find(where.site.symbol);
  if (state == nullptr || outlived(*state, where.image_id, where.site) ||
      state->replacements.empty())
    return nullptr;
  return state;
}

bool patches::in_effect(const named_patch& patch) noexcept
{
  std::size_t there = 0;
  for_each([&](const site_state& state) {
    for (const replacement& each : state.replacements)
      there += each.patch == patch.id;
  });
  return !HP_COUNTERMEASURE(sites_tell) || there == patch.sites;
}

void patches::forget(site_state* state) noexcept
{
  cells_.give_back(state->cell);
  table_.destroy(state);
}

void patches::forget_unloaded() noexcept
{
  const auto unloaded = [this](const site_state& state) {
    return !sites_.loaded(state.image_id);
  };
  while (site_state* state = table_.take_if(unloaded))
    forget(state);
}

// For one more state than there are.
bool patches::make_room() noexcept
{
  if (table_.full())
    forget_unloaded();
  return table_.make_room() && planned_.reserve(table_.room()) &&
         changes_.reserve(table_.room());
}

site_state* patches::make_state(const located_site& where,
                                site_state* outlived) noexcept
{
  if (outlived != nullptr)
    forget(table_.take_if(
        [=](const site_state& each) { return &each == outlived; }));
  site_state* const state = make_room() ? table_.make(where) : nullptr;
  if (state != nullptr)
    state->word = format::pristine_word(where.site.id);
  return state;
}

}  // namespace hotpatch
