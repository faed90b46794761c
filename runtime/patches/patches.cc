// The states of sites, kept while their images are loaded.
// SPDX-License-Identifier: MIT
#include "runtime/patches/patches.h"

#include "format/patch_word.h"

namespace hotpatch {

// The state is of an image that was unloaded since.  Where the same image was
// loaded again at the same place, its id may be the same, but its text is
// fresh.
bool patches::outlived(const site_state& state, std::uint64_t image_id,
                       const site& site) noexcept
{
  const std::uint64_t pristine = format::pristine_word(site.id);
  return state.image_id != image_id ||
         (state.word != pristine && load_word(site.word) == pristine);
}

const site_state* patches::find(const located_site& where) const noexcept
{
  const site_state* state = table_.find(where.site.symbol);
  if (state == nullptr || outlived(*state, where.image_id, where.site) ||
      state->replacements.empty())
    return nullptr;
  return state;
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

// The site's state, made when it is first changed; null: no memory.
site_state* patches::state_of(const located_site& where) noexcept
{
  site_state* state = table_.find_next(where.site.symbol);
  if (state != nullptr && !outlived(*state, where.image_id, where.site))
    return state;
  if (state != nullptr)
    forget(table_.take_if(
        [state](const site_state& each) { return &each == state; }));
  state = make_room() ? table_.make(where) : nullptr;
  if (state != nullptr)
    state->word = format::pristine_word(where.site.id);
  return state;
}

}  // namespace hotpatch
