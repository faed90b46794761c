// A call for each hook, in their order.
//
// SPDX-License-Identifier: MIT
#include "outside/switch_hooks.h"

#include <algorithm>

#include "outside/object_loading.h"
#include "processes/trouble.h"

namespace hotpatch::outside {

namespace {

using format::hook_time;

bool has_hook(const patch_object& patch, hook_time when)
{
  const auto& hooks = patch.contents().hooks;
  return std::any_of(hooks.begin(), hooks.end(),
                     [&](const patch_hook& hook) { return hook.when == when; });
}

hook_time before_of(bool comes)
{
  return comes ? hook_time::before_apply : hook_time::before_revert;
}

hook_time after_of(bool comes)
{
  return comes ? hook_time::after_apply : hook_time::after_revert;
}

// What comes does not, and what goes stays.
hook_time take_back_of(bool comes)
{
  return after_of(!comes);
}

const char* name_of(hook_time when)
{
  switch (when) {
    case hook_time::before_apply:
      return "before_apply";
    case hook_time::after_apply:
      return "after_apply";
    case hook_time::before_revert:
      return "before_revert";
    case hook_time::after_revert:
      return "after_revert";
  }
  return "?";
}

}  // namespace

void switch_hooks::concern(const switch_plan& plan)
{
  parties_.clear();
  consented_ = 0;
  const loaded_patch* gone = plan.apply ? plan.older : plan.patch;
  if (gone != nullptr && gone->is_noted_applied())
    parties_.push_back({gone->object.get(), false});
  if (plan.apply)
    parties_.push_back({plan.patch->object.get(), true});
}

bool switch_hooks::any_among(std::size_t first, hook_time (*when)(bool)) const
{
  return std::any_of(parties_.begin(),
                     parties_.begin() + static_cast<std::ptrdiff_t>(first),
                     [&](const party& each) {
                       return has_hook(*each.patch, when(each.comes));
                     });
}

bool switch_hooks::any_before() const
{
  return any_among(parties_.size(), before_of);
}

bool switch_hooks::any_after() const
{
  return any_among(parties_.size(), after_of);
}

bool switch_hooks::any_to_take_back() const
{
  return any_among(consented_, take_back_of);
}

std::uint64_t switch_hooks::call(borrowed_thread& thread,
                                 const patch_object& patch,
                                 hook_time when) const
{
  const std::string what =
      std::string("the hook ") + name_of(when) + " of " + patch.name;
  for (const patch_hook& hook : patch.contents().hooks)
    if (hook.when == when) {
      try {
        return thread.call(what, hook.code + patch.bias, {});
      } catch (const thread_gone& gone) {
        throw thread_gone(what + " did not come back: " + gone.what());
      }
    }
  return 0;
}

void switch_hooks::before(borrowed_thread& thread)
{
  for (const party& each : parties_) {
    const std::uint64_t words =
        call(thread, *each.patch, before_of(each.comes));
    if (words != 0) {
      const std::string reason = text_in_process(memory_, words);
      take_back(thread);
      throw trouble(each.patch->name +
                    (each.comes ? " does not let itself be applied: "
                                : " does not let itself be taken away: ") +
                    reason);
    }
    ++consented_;
  }
}

void switch_hooks::after(borrowed_thread& thread)
{
  consented_ = 0;
  for (const party& each : parties_)
    (void)call(thread, *each.patch, after_of(each.comes));
}

void switch_hooks::take_back(borrowed_thread& thread)
{
  while (consented_ > 0) {
    const party& each = parties_[--consented_];
    (void)call(thread, *each.patch, take_back_of(each.comes));
  }
}

}  // namespace hotpatch::outside
