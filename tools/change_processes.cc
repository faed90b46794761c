// Going through processes and patches.
//
// SPDX-License-Identifier: MIT
#include "tools/change_processes.h"

#include <algorithm>

#include "processes/all_processes.h"
#include "processes/trouble.h"
#include "runtime/base/deadline.h"
#include "tools/change_report.h"
#include "tools/messages.h"

namespace hotpatch::tools {

namespace {

const char* name_of(change_kind kind)
{
  return kind == change_kind::apply ? "hp-apply" : "hp-revert";
}

change_status change_one(change_kind kind, const change_options& chosen,
                         pid_t pid, const std::string& patch)
{
  try {
    const std::int64_t start = monotonic_now();
    const outside::apply_result result =
        change_patch(kind, chosen.how, pid, patch);
    tell_change(kind, chosen.how.settings.dry_run, pid, result,
                monotonic_now() - start);
    return change_done;
  } catch (const process_busy& busy) {
    complain(name_of(kind), busy.what());
    return change_busy;
  } catch (const half_changed& half) {
    complain(name_of(kind), half.what());
    return change_half;
  } catch (const std::exception& failure) {
    complain(name_of(kind), failure.what());
    return change_refused;
  }
}

}  // namespace

change_status change_processes(change_kind kind, const change_options& chosen)
{
  std::vector<pid_t> pids = {chosen.pid};
  if (!chosen.program.empty())
    pids = processes_of(chosen.program);
  if (pids.empty()) {
    complain(name_of(kind), "no process executes " + chosen.program);
    return change_refused;
  }
  change_status worst = change_done;
  for (const pid_t pid : pids)
    for (const std::string& patch : chosen.patches)
      worst = std::max(worst, change_one(kind, chosen, pid, patch));
  return worst;
}

}  // namespace hotpatch::tools
