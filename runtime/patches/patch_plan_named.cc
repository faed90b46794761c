// Named patches as steps of a transaction, and who needs whom.
// SPDX-License-Identifier: MIT
#include "runtime/patches/patch_plan.h"

#include <algorithm>

#include "runtime/base/status.h"

namespace hotpatch {

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
