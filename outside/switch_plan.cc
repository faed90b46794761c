// From patches to changes of sites.
//
// SPDX-License-Identifier: MIT
#include "outside/switch_plan.h"

#include <algorithm>
#include <new>
#include <span>
#include <string>
#include <utility>

#include "processes/errors.h"
#include "runtime/model/replacement_stack.h"

namespace hotpatch::outside {

namespace {

using patch_list = std::span<const loaded_patch>;

// The patches that will be applied then, the oldest first.  One that is lost is
// not: its imports are of what is gone.
std::vector<const loaded_patch*> applied_then(patch_list all,
                                              const switch_plan& plan)
{
  const auto sequence = [&](const loaded_patch* each) {
    return each == plan.patch ? plan.sequence : each->state.sequence;
  };
  std::vector<const loaded_patch*> result;
  for (const loaded_patch& each : all)
    if (&each == plan.patch ? plan.apply
                            : &each != plan.older && each.is_applied())
      result.push_back(&each);
  std::stable_sort(result.begin(), result.end(),
                   [&](const loaded_patch* a, const loaded_patch* b) {
                     return sequence(a) < sequence(b);
                   });
  return result;
}

// Where the site leads then; 0: to the original.
std::uint64_t target_of(std::span<const loaded_patch* const> applied,
                        const site& where)
{
  replacement_stack stack;
  for (const loaded_patch* each : applied)
    for (std::size_t i = 0; i < each->sites.size(); ++i)
      if (each->sites[i].word == where.word && !stack.append({each->code(i)}))
        throw std::bad_alloc();
  return stack.active();
}

void add_changes(std::span<const loaded_patch* const> applied,
                 const loaded_patch& patch, switch_plan& plan)
{
  for (std::size_t i = 0; i < patch.sites.size(); ++i) {
    const site& where = patch.sites[i];
    const auto same = [&](const site_change& other) {
      return other.where.word == where.word;
    };
    if (where.word == 0 ||
        std::any_of(plan.changes.begin(), plan.changes.end(), same))
      continue;
    site_change change;
    change.where = where;
    change.name =
        patch.object->contents().replacements[patch.replacements[i]].target;
    change.target = target_of(applied, where);
    plan.changes.push_back(std::move(change));
  }
}

// A site may only lead to its original or to what some patch object, also one
// that an interrupted hp-apply left, has for it.
void check_active(patch_list all, const site_change& change)
{
  bool known = change.active == body_address(change.where);
  for (const loaded_patch& each : all)
    for (std::size_t i = 0; i < each.sites.size(); ++i) {
      if (each.sites[i].word != change.where.word)
        continue;
      if (each.is_programs_own())
        throw tool_error(change.name + " is replaced by the patch " +
                         each.object->name +
                         ", which the program itself has loaded; only that can "
                         "unload it: by hp_unload(), or by offering a control "
                         "socket (hp_control_open(), in a forked child again)");
      known = known || each.code(i) == change.active;
    }
  if (!known)
    throw tool_error(
        change.name +
        " is replaced by the program itself, or by a tool that left "
        "no patch object; it has to revert it first");
}

// While it is hidden by a newer one, it could not be seen that it is lost.
void add_lost(patch_list all, switch_plan& plan)
{
  for (const loaded_patch& each : all)
    if (each.lost && each.is_noted_applied() && !each.is_programs_own() &&
        &each != plan.patch && &each != plan.older &&
        std::any_of(plan.changes.begin(), plan.changes.end(),
                    [&](const site_change& change) {
                      return std::any_of(each.sites.begin(), each.sites.end(),
                                         [&](const site& where) {
                                           return where.word ==
                                                  change.where.word;
                                         });
                    }))
      plan.lost.push_back(&each);
}

// The code that no thread may be inside when the site changes.
void add_code(patch_list all, const site_change& change, switch_plan& plan)
{
  if (change.active == change.wanted())
    return;
  if (change.active == body_address(change.where)) {
    plan.code.push_back(
        {body_address(change.where), change.where.end, change.name, false});
    return;
  }
  for (const loaded_patch& each : all)
    for (const patch_replacement& old : each.object->contents().replacements)
      if (old.code + each.object->bias == change.active)
        plan.code.push_back({change.active, old.end + each.object->bias,
                             std::string(old.name) + " of " + each.object->name,
                             false});
}

}  // namespace

void check_sites(const loaded_patches& patches, target_memory& memory,
                 const checked_patch& checked)
{
  std::vector<site_change> changes;
  for (const patch_target& each : checked.targets) {
    site_change change;
    change.where = each.where;
    change.name = each.replacement->target;
    changes.push_back(std::move(change));
  }
  site_switch(memory).read_sites(changes);
  for (const site_change& each : changes)
    check_active(patches.all(), each);
}

void make_plan(const loaded_patches& patches, target_memory& memory,
               switch_plan& plan)
{
  const patch_list all = patches.all();
  const std::vector<const loaded_patch*> applied = applied_then(all, plan);
  add_changes(applied, *plan.patch, plan);
  if (plan.older != nullptr)
    add_changes(applied, *plan.older, plan);
  std::sort(plan.changes.begin(), plan.changes.end(),
            [](const site_change& a, const site_change& b) {
              return a.where.word < b.where.word;
            });
  site_switch(memory).read_sites(plan.changes);
  for (const site_change& each : plan.changes) {
    check_active(all, each);
    add_code(all, each, plan);
  }
  add_lost(all, plan);
  // What will be unloaded.
  if (const loaded_patch* gone = plan.apply ? plan.older : plan.patch)
    plan.code.push_back({gone->object->begin(), gone->object->end(),
                         "the patch object " + gone->object->name, true});
}

}  // namespace hotpatch::outside
