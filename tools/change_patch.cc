// The control socket first, then ptrace(2).
//
// SPDX-License-Identifier: MIT
#include "tools/change_patch.h"

#include "outside/change_lock.h"
#include "outside/control_patching.h"
#include "processes/threads.h"
#include "processes/trouble.h"

namespace hotpatch::tools {

outside::apply_result change_patch(change_kind kind, const how_options& how,
                                   pid_t pid, const std::string& patch)
{
  const bool apply = kind == change_kind::apply;
  const outside::change_lock lock(
      pid, deadline::in_milliseconds(how.settings.timeout_ms),
      how.settings.tell);
  if (!how.traces) {
    outside::control_patching itself(pid, how.settings, how.control);
    if (const auto result = apply ? itself.apply(patch) : itself.revert(patch))
      return *result;
  }
  const std::string& level = how.control.level;
  if (!level.empty() && !how.settings.level)
    throw trouble(process_text(pid) +
                  " is traced, which knows only the levels quiescent and "
                  "immediate; for others it has to offer a control socket");
  outside::live_patching process(lock, how.settings);
  return apply ? process.apply(patch) : process.revert(patch);
}

}  // namespace hotpatch::tools
