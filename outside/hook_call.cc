// A call for each hook.
//
// SPDX-License-Identifier: MIT
#include "outside/hook_call.h"

#include <algorithm>

#include "outside/object_loading.h"
#include "processes/trouble.h"

namespace hotpatch::outside {

using format::hook_time;

bool has_hook(const patch_object& patch, hook_time when)
{
  const auto& hooks = patch.contents().hooks;
  return std::any_of(hooks.begin(), hooks.end(),
                     [&](const patch_hook& hook) { return hook.when == when; });
}

void call_hooks(borrowed_thread& thread, const target_memory& memory,
                const patch_object& patch, hook_time when)
{
  for (const patch_hook& hook : patch.contents().hooks) {
    if (hook.when != when)
      continue;
    const std::uint64_t words = thread.call(hook.code + patch.bias, {});
    if (words != 0 &&
        (when == hook_time::before_apply || when == hook_time::before_revert))
      throw trouble(patch.name +
                    " does not want it: " + text_in_process(memory, words));
  }
}

}  // namespace hotpatch::outside
