// The control socket first, then ptrace(2).
//
// SPDX-License-Identifier: MIT
#include "tools/change_patch.h"

#include "outside/change_lock.h"
#include "outside/control_patching.h"
#include "processes/threads.h"
#include "processes/trouble.h"

namespace hotpatch::tools {

namespace {

// By the process itself, or else by tracing it.
template <typename Itself, typename Traced>
outside::apply_result change(const how_options& how, pid_t pid, Itself itself,
                             Traced traced)
{
  const outside::change_lock lock(
      pid, deadline::in_milliseconds(how.settings.timeout_ms),
      how.settings.tell);
  if (!how.traces) {
    outside::control_patching control(pid, how.settings, how.control);
    if (const auto result = itself(control))
      return *result;
  }
  const format::level level = how.settings.level;
  if (level == format::level::strict || level == format::level::safepoint)
    throw trouble(process_text(pid) +
                  " is traced, which knows only the levels quiescent and "
                  "immediate; for others it has to offer a control socket");
  outside::live_patching process(lock, how.settings);
  return traced(process);
}

}  // namespace

outside::apply_result apply_patch(const how_options& how, pid_t pid,
                                  outside::patch_object& patch)
{
  const auto apply = [&](auto& way) { return way.apply(patch); };
  return change(how, pid, apply, apply);
}

outside::apply_result change_patch(change_kind kind, const how_options& how,
                                   pid_t pid, const std::string& patch)
{
  if (kind == change_kind::apply)
    return apply_patch(how, pid, *outside::open_patch_object(patch));
  const auto revert = [&](auto& way) { return way.revert(patch); };
  return change(how, pid, revert, revert);
}

}  // namespace hotpatch::tools
