// Stacks of replacements as they are to become, and the bytes that follow.
//
// SPDX-License-Identifier: MIT
#include "runtime/patches/patch_plan.h"

#include <algorithm>

#include "format/patch_word.h"
#include "runtime/base/countermeasure.h"
#include "runtime/base/status.h"
#include "runtime/commit/function_extent.h"
#include "runtime/text/encode.h"

namespace hotpatch {

namespace {

// A jump to any of these addresses runs into the patch word again.
bool leads_into(const site_code& site, std::uint64_t target)
{
  if (const entry_code* const entry = site.entry)
    return (target >= site.symbol && target <= entry->begin) ||
           target - entry->stub < far_pad_size;
  return target >= site.symbol - site.pad && target < body_address(site);
}

hp_status not_applied(const site_code& site, const char* what)
{
  return fail(HP_NOT_APPLIED, "%s: %s", site.name, what);
}

hp_status no_memory(const site_code& site)
{
  return fail(HP_NO_MEMORY, "%s: no memory to keep the replacement", site.name);
}

bool contains(const replacement_stack& stack, std::uint64_t target)
{
  return std::any_of(stack.begin(), stack.end(), [=](const replacement& each) {
    return each.target == target;
  });
}

std::size_t position_of(const replacement_stack& stack,
                        const replacement& wanted)
{
  std::size_t i = 0;
  while (i < stack.size() &&
         (stack[i].target != wanted.target || stack[i].patch != wanted.patch))
    ++i;
  return i;
}

}  // namespace

patch_plan::~patch_plan()
{
  for (site_state* state : states_)
    state->planned_for = false;
  states_.clear();
  changes_.clear();
}

hp_status patch_plan::include(const located_site& where,
                              site_state*& state) noexcept
{
  if (where.site.word % format::word_size != 0)
    return fail(HP_MALFORMED,
                "%s: the patch word at %#lx is not aligned to 8 bytes and "
                "cannot be changed in one store",
                where.site.name, where.site.word);
  state = all_.state_of(where);
  return state != nullptr ? include(*state) : no_memory(where.site);
}

hp_status patch_plan::include(site_state& state) noexcept
{
  if (state.planned_for)
    return HP_OK;
  if (!state.planned.assign(state.replacements))
    return no_memory(state.site);
  enter(state);
  return HP_OK;
}

// From now on `state.planned` counts.  There is room for each state.
inline void patch_plan::enter(site_state& state) noexcept
{
  states_.append_in_place() = &state;
  state.planned_for = true;
  in_order_ = in_order_ && highest_ <= state.site.word;
  highest_ = state.site.word;
}

hp_status patch_plan::apply(const located_site& where, std::uint64_t target,
                            named_patch* patch) noexcept
{
  site_state* state = nullptr;
  if (const hp_status status = include(where, state); status != HP_OK)
    return status;
  replacement_stack& stack = state->planned;
  const replacement added{target, patch != nullptr ? patch->id : no_patch};
  if (patch != nullptr)
    if (const hp_status status = check_part(*state, added, *patch);
        status != HP_OK)
      return status;
  const std::size_t before = position_of(stack, added);
  if (before < stack.size())
    stack.remove(before);
  else if (patch != nullptr)
    ++patch->sites;
  if (!stack.append(added) && HP_COUNTERMEASURE(refuse_without_memory))
    return no_memory(where.site);
  adds_ = adds_ || !contains(state->replacements, target);
  return HP_OK;
}

hp_status patch_plan::revert(const located_site& where) noexcept
{
  site_state* state = nullptr;
  if (const hp_status status = include(where, state); status != HP_OK)
    return status;
  if (state->planned.empty())
    return not_applied(where.site, "has no replacement to revert");
  const std::size_t newest = state->planned.size() - 1;
  if (state->planned[newest].patch != no_patch)
    return refuse_part(*state, state->planned[newest]);
  state->planned.remove(newest);
  return HP_OK;
}

hp_status patch_plan::remove(const located_site& where,
                             std::uint64_t target) noexcept
{
  site_state* state = nullptr;
  if (const hp_status status = include(where, state); status != HP_OK)
    return status;
  const replacement_stack& stack = state->planned;
  if (stack.empty())
    return not_applied(where.site, "has no replacement to remove");
  const std::size_t at = position_of(stack, {target, no_patch});
  if (at < stack.size()) {
    state->planned.remove(at);
    return HP_OK;
  }
  for (const replacement& each : stack)
    if (each.target == target)
      return refuse_part(*state, each);
  return not_applied(where.site, "is not replaced by that function");
}

hp_status patch_plan::revert_all() noexcept
{
  if (const hp_status status = include_patches(); status != HP_OK)
    return status;
  named_.clear();
  all_.for_each([&](site_state& state) {
    if (state.becoming().empty())
      return;
    if (!state.planned_for)
      enter(state);
    state.planned.clear();
  });
  return HP_OK;
}

// Replacements that are sites themselves may be replaced in turn; following
// them must not lead back to this site.
inline bool patch_plan::may_loop(const site_code& site,
                                 std::uint64_t target) const noexcept
{
  return leads_into(site, target) || all_.table_.find(target) != nullptr;
}

hp_status patch_plan::refuse_loop(const site_state& state,
                                  std::uint64_t target) noexcept
{
  const char* through = "";
  // A longer way than there are sites runs in a circle; it is reported for a
  // site which lies on it.
  for (std::size_t i = 0; target != 0 && i <= all_.table_.size(); ++i) {
    if (leads_into(state.site, target))
      return fail(HP_INVALID,
                  "%s: the replacement leads back to the function itself%s%s, "
                  "every call would run for ever; to run the original, use "
                  "hp_original()",
                  state.site.name, *through != '\0' ? " through " : "",
                  through);
    const site_state* next = all_.table_.find(target);
    if (next == nullptr || !all_.sites_.loaded(next->image_id))
      break;
    through = next->site.name;
    target = next->coming();
  }
  return HP_OK;
}

inline hp_status patch_plan::plan_change(site_state& state,
                                         std::uint64_t target,
                                         hp_level level) noexcept
{
  const site_code& site = state.site;
  // Filled in where it is: copying what has just been stored piece by piece
  // makes the processor wait for it.  There is room for one of each state.
  change& change = changes_.append_in_place();
  change.site = &site;
  change.address = site.word;
  change.old_word = state.word;
  if (site.entry != nullptr)
    if (const hp_status status = check_entry(state, target, level);
        status != HP_OK)
      return status;
  if (target == 0) {
    change.new_word = encode_word(site, 0);
    target = body_address(site);
  } else {
    if (may_loop(site, target))
      if (const hp_status status = refuse_loop(state, target); status != HP_OK)
        return status;
    if (form_for(site, target) == word_form::far)
      return plan_far(state, target, change);
    change.new_word = encode_near(site, target);
  }
  return level == HP_STRICT
             ? plan_cell(state, "the level strict leads calls through", target,
                         change)
             : HP_OK;
}

// Where the jump takes the place of several instructions, a thread may stand
// between them.
hp_status patch_plan::check_entry(const site_state& state, std::uint64_t target,
                                  hp_level level) const noexcept
{
  const site_code& site = state.site;
  const bool changes_code = target == 0 || state.active() == 0;
  if (!site.entry->needs_standing || !changes_code || level == HP_QUIESCENT ||
      !HP_COUNTERMEASURE(several_only_standing))
    return HP_OK;
  return fail(
      HP_UNSUPPORTED,
      "%s: it has no site, and a jump takes the place of several of its "
      "instructions, so it can be changed only while all threads "
      "stand: at the level quiescent",
      site.name);
}

hp_status patch_plan::plan_far(site_state& state, std::uint64_t target,
                               change& change) noexcept
{
  const hp_status status =
      plan_cell(state, "the replacement is more than 2 GiB away, which takes",
                target, change);
  if (status == HP_OK)
    change.new_word = encode_far(state.site);
  return status;
}

hp_status patch_plan::plan_cell(site_state& state, const char* reason,
                                std::uint64_t target, change& change) noexcept
{
  const site_code& site = state.site;
  if (!has_far_form(site))
    return fail(HP_UNSUPPORTED,
                "%s: %s a jump in the %zu bytes before the symbol, and the "
                "site has %u",
                site.name, reason, far_pad_size, site.pad);
  if (site.entry != nullptr)
    state.cell = site.entry->cell;
  if (state.cell == 0)
    state.cell = cell_from_outside(site, load_pad(site));
  if (state.cell == 0)
    state.cell = all_.cells_.take_cell(site);
  if (state.cell == 0)
    return fail(HP_NO_MEMORY,
                "%s: %s a jump to %#lx through memory near the function, and "
                "no page can be mapped within 2 GiB of it",
                site.name, reason, target);
  change.cell = state.cell;
  change.cell_target = target;
  change.old_cell_target = state.cell_target;
  return HP_OK;
}

// All code that the site had and will not have: its original body, its
// replacements, and the pad, in which a thread is on its way to one of them.
hp_status patch_plan::vacate(const site_state& state,
                             std::uint64_t target) noexcept
{
  const site_code& site = state.site;
  bool enough = true;
  if (site.entry != nullptr) {
    const entry_ranges all = ranges_of_entry(site);
    for (const code_range& each : target != 0 ? all.all() : all.on_the_way())
      enough = enough && vacated_.append(each);
  } else {
    enough = (target == 0 || vacated_.append(body_of(site))) &&
             (state.cell == 0 || vacated_.append(pre_pad_of(site)));
  }
  for (const replacement& each : state.replacements)
    if (each.target != target)
      enough = enough && vacated_.append(extent_of(each.target, site.name));
  return enough ? HP_OK : no_memory(site);
}

// In a junction a thread is on its way to one of them, too.
hp_status patch_plan::vacate_junctions() noexcept
{
  bool enough = true;
  all_.junctions_.for_each_code([&](std::uint64_t begin, std::uint64_t end) {
    enough = enough && vacated_.append({begin, end, "a function that changes",
                                        code_kind::body});
  });
  return enough ? HP_OK : fail(HP_NO_MEMORY, "no memory to look for threads");
}

hp_status patch_plan::prepare(hp_level level) noexcept
{
  if (const hp_status status = check_dependencies(); status != HP_OK)
    return status;
  if (!in_order_)
    std::sort(states_.begin(), states_.end(),
              [](const site_state* a, const site_state* b) {
                return a->site.word < b->site.word;
              });
  for (site_state* state : states_) {
    const std::uint64_t target = state->planned.active();
    if (target == state->active())
      continue;
    hp_status status = plan_change(*state, target, level);
    if (status == HP_OK && level == HP_QUIESCENT)
      status = vacate(*state, target);
    if (status != HP_OK)
      return status;
  }
  return vacated_.empty() ? HP_OK : vacate_junctions();
}

void patch_plan::adopt() noexcept
{
  // Both in the same order; not every state has a change.
  const change* next = changes_.begin();
  for (site_state* state : states_) {
    if (next != changes_.end() && next->site == &state->site) {
      state->word = next->new_word;
      if (next->cell != 0)
        state->cell_target = next->cell_target;
      ++next;
    }
    state->replacements.swap(state->planned);
    state->planned_for = false;
  }
  states_.clear();
  if (named_change_)
    all_.named_.swap(named_);
}

// Named patches as steps of a transaction, and who needs whom.

namespace {

hp_status no_memory_for_patches()
{
  return fail(HP_NO_MEMORY, "no memory for the list of patches");
}

}  // namespace

// Which patches there will be is kept only by a plan that changes it.
hp_status patch_plan::include_patches() noexcept
{
  if (!named_change_ && !named_.assign(all_.named_))
    return no_memory_for_patches();
  named_change_ = true;
  return HP_OK;
}

hp_status patch_plan::take_out(const named_patch& patch) noexcept
{
  const auto belongs = [&](const replacement& each) {
    return each.patch == patch.id;
  };
  hp_status status = HP_OK;
  all_.for_each([&](site_state& state) {
    const replacement_stack& stack = state.becoming();
    if (status != HP_OK || std::none_of(stack.begin(), stack.end(), belongs))
      return;
    status = include(state);
    if (status == HP_OK)
      state.planned.truncate(static_cast<std::size_t>(
          std::remove_if(state.planned.begin(), state.planned.end(), belongs) -
          state.planned.begin()));
  });
  if (status == HP_OK)
    named_.remove(&patch);
  return status;
}

hp_status patch_plan::add_patch(named_patch& patch) noexcept
{
  if (const hp_status status = include_patches(); status != HP_OK)
    return status;
  const hp_patch_info& info = patch.info;
  if (const named_patch* present = named_.find(info.name)) {
    // What a step before this one brings is not in the sites yet.
    const bool is_planned = all_.named().find(info.name) != present;
    if (const hp_status status = check_version(
            info.name, info.version,
            {present->info.version, is_planned || all_.in_effect(*present)});
        status != HP_OK)
      return status;
    if (const hp_status status = take_out(*present); status != HP_OK)
      return status;
  }
  adds_ = true;
  patch.sites = 0;  // also of an attempt before this one
  return named_.append(&patch) ? HP_OK : no_memory_for_patches();
}

hp_status patch_plan::remove_patch(const char* name) noexcept
{
  if (const hp_status status = include_patches(); status != HP_OK)
    return status;
  const named_patch* present = named_.find(name);
  if (present == nullptr)
    return fail(HP_NOT_APPLIED, "no patch named \"%s\" is applied", name);
  return take_out(*present);
}

// A part of `patch` may join the site's stack.
hp_status patch_plan::check_part(const site_state& state,
                                 const replacement& part,
                                 const named_patch& patch) const noexcept
{
  const char* function = state.site.name;
  const char* name = patch.info.name;
  if (named_.find(patch.id) == nullptr)
    return fail(HP_INVALID,
                "%s: its replacement belongs to the patch \"%s\", which an "
                "earlier step of the same transaction has taken away",
                function, name);
  for (const replacement& each : state.planned)
    if (each.patch == part.patch && each.target != part.target)
      return fail(HP_INVALID,
                  "%s: the patch \"%s\" has two replacements for it, at %#lx "
                  "and at %#lx",
                  function, name, each.target, part.target);
  return HP_OK;
}

hp_status patch_plan::refuse_part(const site_state& state,
                                  const replacement& part) const noexcept
{
  const named_patch* patch =
      (named_change_ ? named_ : all_.named_).find(part.patch);
  const char* name = patch != nullptr ? patch->info.name : "";
  return fail(HP_NEEDED,
              "%s: this replacement is a part of the patch \"%s\", which is "
              "taken away as a whole: hp_remove_patch(\"%s\")",
              state.site.name, name, name);
}

hp_status patch_plan::check_dependencies() const noexcept
{
  if (!named_change_)
    return HP_OK;
  for (const named_patch* each : named_)
    for (const char* const* on = each->info.depends; *on != nullptr; ++on) {
      patch_dependency wanted;
      if (!wanted.parse(*on))
        return HP_INTERNAL;
      const named_patch* present = named_.find(wanted);
      if (const hp_status status = check_dependency(
              each->info.name, all_.named_.find(each->id) != nullptr, wanted,
              present != nullptr ? &present->info.version : nullptr);
          status != HP_OK)
        return status;
    }
  return HP_OK;
}

bool patch_plan::list_patches(patch_list& gone, patch_list& come) const noexcept
{
  gone.clear();
  come.clear();
  if (!named_change_)
    return true;
  const patch_list& before = all_.named_;
  for (std::size_t i = before.size(); i-- > 0;)
    if (named_.find(before[i]->id) == nullptr && !gone.append(before[i]))
      return false;
  for (named_patch* each : named_)
    if (before.find(each->id) == nullptr && !come.append(each))
      return false;
  return true;
}

}  // namespace hotpatch
