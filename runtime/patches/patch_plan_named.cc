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
    const std::uint32_t version = present->info.version;
    // What a step before this one brings is not in the sites yet.
    const bool is_planned = all_.named().find(info.name) != present;
    if (version == info.version && (is_planned || all_.in_effect(*present)))
      return fail(HP_APPLIED, "patch \"%s\" is applied already, in version %u",
                  info.name, version);
    if (version > info.version)
      return fail(HP_OLDER,
                  "patch \"%s\" is applied in version %u, which is newer than "
                  "%u; to go back, take that one away first",
                  info.name, version, info.version);
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

// `patch` needs `wanted`, of which there is going to be only `present`, an
// older version, or null.
hp_status patch_plan::refuse_dependency(
    const named_patch& patch, const patch_dependency& wanted,
    const named_patch* present) const noexcept
{
  const char* name = patch.info.name;
  const auto length = static_cast<int>(wanted.length);
  const bool stays = all_.named_.find(patch.id) != nullptr;
  if (present != nullptr)
    return fail(stays ? HP_NEEDED : HP_MISSING,
                "patch \"%s\" needs version %u of patch \"%.*s\", or a newer "
                "one, and only version %u %s applied",
                name, wanted.version, length, wanted.name,
                present->info.version, stays ? "would be" : "is");
  if (stays)
    return fail(HP_NEEDED,
                "patch \"%.*s\" cannot be taken away: patch \"%s\" needs it; "
                "take that one away before, or in the same transaction",
                length, wanted.name, name);
  return fail(HP_MISSING,
              "patch \"%s\" needs patch \"%.*s\", which is not applied", name,
              length, wanted.name);
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
      if (present == nullptr || present->info.version < wanted.version)
        return refuse_dependency(*each, wanted, present);
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
