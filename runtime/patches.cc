// Stacks of replacements.
// SPDX-License-Identifier: MIT
#include "runtime/patches.h"

#include "format/patch_word.h"
#include "runtime/commit.h"
#include "runtime/encode.h"
#include "runtime/status.h"

namespace hotpatch {

namespace {

// A jump to any of these addresses runs into the patch word again.
bool leads_into(const site& site, std::uint64_t target)
{
  return target >= site.symbol - site.pad &&
         target < site.word + format::word_size;
}

hp_status not_applied(const site& site, const char* what)
{
  return fail(HP_NOT_APPLIED, "%s: %s", site.name, what);
}

}  // namespace

// The state is of an image that was unloaded since.  Where the same image was
// loaded again at the same place, its id may be the same, but its text is
// fresh.
bool patches::outlived(const site_state& state,
                       const located_site& where) noexcept
{
  const std::uint64_t pristine = format::pristine_word(where.site.id);
  return state.image_id != where.image_id ||
         (state.word != pristine && load_word(where.site.word) == pristine);
}

const site_state* patches::find(const located_site& where) const noexcept
{
  const site_state* state = table_.find(where.site.symbol);
  if (state == nullptr || outlived(*state, where) ||
      state->replacements.empty())
    return nullptr;
  return state;
}

void patches::forget(site_state* state) noexcept
{
  cells_.give_back(state->cell);
  site_table::destroy(state);
}

void patches::forget_unloaded() noexcept
{
  const auto unloaded = [this](const site_state& state) {
    return !sites_.loaded(state.image_id);
  };
  while (site_state* state = table_.take_if(unloaded))
    forget(state);
}

// The site's state, made when it is first changed; null: no memory.
site_state* patches::state_of(const located_site& where) noexcept
{
  site_state* state = table_.find(where.site.symbol);
  if (state != nullptr && !outlived(*state, where))
    return state;
  if (state != nullptr)
    forget(table_.take_if(
        [state](const site_state& each) { return &each == state; }));
  if (table_.full())
    forget_unloaded();
  state = table_.make(where);
  if (state != nullptr)
    state->word = format::pristine_word(where.site.id);
  return state;
}

// Replacements that are sites themselves may be replaced in turn; following
// them must not lead back to this site.
hp_status patches::refuse_loop(const site_state& state,
                               std::uint64_t target) noexcept
{
  const char* through = "";
  while (target != 0) {
    if (leads_into(state.site, target))
      return fail(HP_INVALID,
                  "%s: the replacement leads back to the function itself%s%s, "
                  "every call would run for ever; to run the original, use "
                  "hp_original()",
                  state.site.name, *through != '\0' ? " through " : "",
                  through);
    const site_state* next = table_.find(target);
    if (next == nullptr || !sites_.loaded(next->image_id))
      break;
    through = next->site.name;
    target = next->active();
  }
  return HP_OK;
}

// Makes `target` (0: the original) the active function.
hp_status patches::switch_to(site_state& state, std::uint64_t target) noexcept
{
  const site& site = state.site;
  change change{site, state.word, format::pristine_word(site.id)};
  if (target != 0 && near_reaches(site, target)) {
    change.new_word = encode_near(site, target);
  } else if (target != 0) {
    if (!has_far_form(site))
      return fail(HP_UNSUPPORTED,
                  "%s: the replacement at %#lx is more than 2 GiB away and "
                  "the site has no room for a far jump: %u bytes before the "
                  "symbol, %zu are needed",
                  site.name, target, site.pad, far_pad_size);
    if (state.cell == 0)
      state.cell = cells_.take_cell(site);
    if (state.cell == 0)
      return fail(HP_NO_MEMORY,
                  "%s: the replacement at %#lx is more than 2 GiB away and no "
                  "page can be mapped within 2 GiB of the function",
                  site.name, target);
    change.new_word = encode_far(site);
    change.cell = state.cell;
    change.cell_target = target;
  }
  const hp_status status = commit(writer_, change);
  if (status == HP_OK)
    state.word = change.new_word;
  return status;
}

hp_status patches::apply(const located_site& where, std::uint64_t target,
                         bool& added) noexcept
{
  added = false;
  if (where.site.word % format::word_size != 0)
    return fail(HP_MALFORMED,
                "%s: the patch word at %#lx is not aligned to 8 bytes and "
                "cannot be changed in one store",
                where.site.name, where.site.word);
  site_state* state = state_of(where);
  if (state == nullptr ||
      !state->replacements.reserve(state->replacements.size() + 1))
    return fail(HP_NO_MEMORY, "%s: no memory to keep the replacement",
                where.site.name);
  if (state->active() == target)
    return HP_OK;
  if (const hp_status status = refuse_loop(*state, target); status != HP_OK)
    return status;
  if (const hp_status status = switch_to(*state, target); status != HP_OK)
    return status;

  added = true;
  array<std::uint64_t>& stack = state->replacements;
  for (std::size_t i = 0; i < stack.size(); ++i)
    if (stack[i] == target) {
      stack.remove(i);
      added = false;
    }
  // There is room: it was reserved above.
  return stack.append(target) ? HP_OK : HP_INTERNAL;
}

hp_status patches::take_out(site_state& state, std::size_t index) noexcept
{
  array<std::uint64_t>& stack = state.replacements;
  if (index + 1 == stack.size()) {
    const std::uint64_t below = index > 0 ? stack[index - 1] : 0;
    if (const hp_status status = refuse_loop(state, below); status != HP_OK)
      return status;
    if (const hp_status status = switch_to(state, below); status != HP_OK)
      return status;
  }
  stack.remove(index);
  return HP_OK;
}

hp_status patches::revert(const located_site& where) noexcept
{
  if (find(where) == nullptr)
    return not_applied(where.site, "has no replacement to revert");
  site_state& state = *table_.find(where.site.symbol);
  return take_out(state, state.replacements.size() - 1);
}

hp_status patches::remove(const located_site& where,
                          std::uint64_t target) noexcept
{
  if (find(where) == nullptr)
    return not_applied(where.site, "has no replacement to remove");
  site_state& state = *table_.find(where.site.symbol);
  for (std::size_t i = 0; i < state.replacements.size(); ++i)
    if (state.replacements[i] == target)
      return take_out(state, i);
  return not_applied(where.site, "is not replaced by that function");
}

}  // namespace hotpatch
