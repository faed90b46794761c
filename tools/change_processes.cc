// Going through processes and patches.
//
// SPDX-License-Identifier: MIT
#include "tools/change_processes.h"

#include <algorithm>
#include <cstdio>

#include "outside/control_patching.h"
#include "runtime/base/deadline.h"
#include "processes/all_processes.h"
#include "processes/trouble.h"

namespace hotpatch::tools {

namespace {

const char* name_of(change_kind kind)
{
  return kind == change_kind::apply ? "hp-apply" : "hp-revert";
}

void tell_result(change_kind kind, const change_options& chosen, pid_t pid,
                 const outside::apply_result& result, std::int64_t took_ns)
{
  const char* what = kind == change_kind::apply ? "applied" : "reverted";
  if (!result.changed) {
    std::printf("process %d: %s was %s already\n", pid, result.name.c_str(),
                what);
    return;
  }
  if (chosen.settings.dry_run) {
    std::printf("process %d: %s can be %s, %zu function%s\n", pid,
                result.name.c_str(), what, result.functions,
                result.functions == 1 ? "" : "s");
    for (const std::string& line : result.report)
      std::printf("  %s\n", line.c_str());
    return;
  }
  if (result.by_itself) {
    std::printf("process %d: %s is %s, %zu function%s, by itself in %.3f ms\n",
                pid, result.name.c_str(), what, result.functions,
                result.functions == 1 ? "" : "s",
                static_cast<double>(took_ns) / 1e6);
    return;
  }
  std::printf(
      "process %d: %s is %s, %zu function%s; it stood still for "
      "%.3f ms of %.3f ms\n",
      pid, result.name.c_str(), what, result.functions,
      result.functions == 1 ? "" : "s",
      static_cast<double>(result.stood_ns) / 1e6,
      static_cast<double>(took_ns) / 1e6);
}

// By the process itself if it offers that, or by tracing it.
outside::apply_result change_patch(change_kind kind,
                                   const change_options& chosen, pid_t pid,
                                   const std::string& patch)
{
  const bool apply = kind == change_kind::apply;
  if (!chosen.traces) {
    outside::control_patching itself(pid, chosen.settings, chosen.control);
    if (const auto result = apply ? itself.apply(patch) : itself.revert(patch))
      return *result;
  }
  const std::string& level = chosen.control.level;
  if (!level.empty() && !chosen.settings.level)
    throw trouble("process " + std::to_string(pid) +
                  " is traced, which knows only the levels quiescent and "
                  "immediate; for others it has to offer a control socket");
  outside::live_patching process(pid, chosen.settings);
  return apply ? process.apply(patch) : process.revert(patch);
}

change_status change_one(change_kind kind, const change_options& chosen,
                         pid_t pid, const std::string& patch)
{
  try {
    const std::int64_t start = monotonic_now();
    const outside::apply_result result = change_patch(kind, chosen, pid, patch);
    tell_result(kind, chosen, pid, result, monotonic_now() - start);
    return change_done;
  } catch (const outside::process_busy& busy) {
    std::fprintf(stderr, "%s: %s\n", name_of(kind), busy.what());
    return change_busy;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "%s: %s\n", name_of(kind), failure.what());
    return change_refused;
  }
}

}  // namespace

change_status change_processes(change_kind kind, const change_options& chosen)
{
  change_options all = chosen;
  if (chosen.verbose)
    all.settings.tell = [](const std::string& text) {
      std::fprintf(stderr, "%s\n", text.c_str());
    };
  std::vector<pid_t> pids = {chosen.pid};
  if (!chosen.program.empty())
    pids = processes_of(chosen.program);
  if (pids.empty()) {
    std::fprintf(stderr, "%s: no process executes %s\n", name_of(kind),
                 chosen.program.c_str());
    return change_refused;
  }
  change_status worst = change_done;
  for (const pid_t pid : pids)
    for (const std::string& patch : chosen.patches)
      worst = std::max(worst, change_one(kind, all, pid, patch));
  return worst;
}

}  // namespace hotpatch::tools
