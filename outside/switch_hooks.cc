// A call for each hook, in their order.
//
// SPDX-License-Identifier: MIT
#include "outside/switch_hooks.h"

#include <algorithm>
#include <functional>

#include "outside/object_loading.h"
#include "processes/errors.h"

namespace hotpatch::outside {

namespace {

using format::hook_time;

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
  const loaded_patch* gone = plan.apply ? plan.older : plan.patch;
  if (gone != nullptr && gone->is_noted_applied())
    parties_.push_back(gone->object.get());
  const std::size_t going = parties_.size();
  if (plan.apply)
    parties_.push_back(plan.patch->object.get());
  sequence_ = hook_sequence(going, parties_.size() - going);
}

bool switch_hooks::has(std::size_t party, hook_time when) const
{
  const auto& hooks = parties_[party]->contents().hooks;
  return std::any_of(hooks.begin(), hooks.end(),
                     [&](const patch_hook& hook) { return hook.when == when; });
}

bool switch_hooks::any_before() const
{
  return sequence_.any_before(std::bind_front(&switch_hooks::has, this));
}

bool switch_hooks::any_after() const
{
  return sequence_.any_after(std::bind_front(&switch_hooks::has, this));
}

bool switch_hooks::any_to_take_back() const
{
  return sequence_.any_to_take_back(std::bind_front(&switch_hooks::has, this));
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
  std::string refusal;
  const bool all = sequence_.before([&](std::size_t i, hook_time when) {
    const std::uint64_t message = call(thread, *parties_[i], when);
    if (message == 0)
      return true;
    refusal = parties_[i]->name +
              (sequence_.comes(i) ? " does not let itself be applied: "
                                  : " does not let itself be taken away: ") +
              text_in_process(memory_, message);
    return false;
  });
  if (all)
    return;
  take_back(thread);
  throw tool_error(refusal);
}

void switch_hooks::after(borrowed_thread& thread)
{
  sequence_.after([&](std::size_t i, hook_time when) {
    (void)call(thread, *parties_[i], when);
  });
}

void switch_hooks::take_back(borrowed_thread& thread)
{
  sequence_.take_back([&](std::size_t i, hook_time when) {
    (void)call(thread, *parties_[i], when);
  });
}

}  // namespace hotpatch::outside
