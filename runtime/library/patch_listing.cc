// Taking listings.
// SPDX-License-Identifier: MIT
#include "runtime/library/patch_listing.h"

#include "runtime/base/status.h"

namespace hotpatch {

namespace {

hp_status no_memory()
{
  return fail(HP_NO_MEMORY, "no memory for a list of patches");
}

// Null: no memory.
const named_patch* keep_copy(const named_patch& patch, owned_patches& copies)
{
  named_patch* copy = named_patch::make(patch.info);
  if (copy != nullptr && copies.append(copy))
    return copy;
  named_patch::destroy(copy);
  return nullptr;
}

hp_patch texts_of(const named_patch& patch)
{
  hp_patch result = {};
  result.name = patch.info.name;
  result.description = patch.info.description;
  result.depends = patch.info.depends;
  result.version = patch.info.version;
  return result;
}

void count(const site_state& state, std::uint64_t patch, hp_patch& into)
{
  const replacement_stack& stack = state.replacements;
  for (std::size_t i = 0; i < stack.size(); ++i)
    if (stack[i].patch == patch) {
      ++into.sites;
      into.active += i + 1 == stack.size();
    }
}

}  // namespace

hp_patch describe(patches& all, const named_patch& patch) noexcept
{
  hp_patch result = texts_of(patch);
  all.for_each(
      [&](const site_state& state) { count(state, patch.id, result); });
  return result;
}

hp_status patch_listing::take(patches& all) noexcept
{
  const patch_list& named = all.named();
  for (const named_patch* each : named) {
    const named_patch* copy = keep_copy(*each, copies_);
    if (copy == nullptr || !entries_.append(texts_of(*copy)))
      return no_memory();
  }
  // One pass over the sites for all patches.
  all.for_each([&](const site_state& state) {
    for (std::size_t i = 0; i < named.size(); ++i)
      count(state, named[i]->id, entries_[i]);
  });
  return HP_OK;
}

hp_status replacement_listing::take(const patches& all,
                                    const located_site& where) noexcept
{
  const site_state* state = all.find(where);
  if (state == nullptr)
    return HP_OK;
  const replacement_stack& stack = state->replacements;
  for (std::size_t i = stack.size(); i-- > 0;) {
    hp_replacement entry = {};
    entry.target = reinterpret_cast<const void*>(stack[i].target);
    entry.patch = "";
    entry.active = i + 1 == stack.size();
    if (const named_patch* patch = all.named().find(stack[i].patch)) {
      const named_patch* copy = keep_copy(*patch, copies_);
      if (copy == nullptr)
        return no_memory();
      entry.patch = copy->info.name;
      entry.version = copy->info.version;
    }
    if (!entries_.append(entry))
      return no_memory();
  }
  return HP_OK;
}

}  // namespace hotpatch
