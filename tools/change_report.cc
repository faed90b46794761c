// One line, and the report of a dry run.
//
// SPDX-License-Identifier: MIT
#include "tools/change_report.h"

#include <cstdio>

namespace hotpatch::tools {

void tell_change(change_kind kind, bool dry_run, pid_t pid,
                 const outside::apply_result& result, std::int64_t took_ns)
{
  const char* what = kind == change_kind::apply ? "applied" : "reverted";
  if (!result.changed) {
    std::printf("process %d: %s was %s already\n", pid, result.name.c_str(),
                what);
    return;
  }
  if (dry_run) {
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
  if (!result.unended.empty())
    std::printf("process %d: %s\n", pid, result.unended.c_str());
}

}  // namespace hotpatch::tools
