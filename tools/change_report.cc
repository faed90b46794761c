// One line, and the report of a dry run.
//
// SPDX-License-Identifier: MIT
#include "tools/change_report.h"

#include <cstdio>
#include <string>

#include "processes/threads.h"
#include "tools/messages.h"

namespace hotpatch::tools {

namespace {

std::string milliseconds(std::int64_t nanoseconds)
{
  char text[32];
  std::snprintf(text, sizeof text, "%.3f ms",
                static_cast<double>(nanoseconds) / 1e6);
  return text;
}

}  // namespace

void tell_change(change_kind kind, bool dry_run, pid_t pid,
                 const outside::apply_result& result, std::int64_t took_ns)
{
  const char* what = kind == change_kind::apply ? "applied" : "reverted";
  const std::string process = process_text(pid) + ": ";
  const std::string patch = process + result.name;
  const std::string functions =
      std::to_string(result.functions) +
      (result.functions == 1 ? " function" : " functions");
  if (!result.changed) {
    print_line(stdout, patch + " was " + what + " already");
    return;
  }
  if (dry_run) {
    print_line(stdout, patch + " can be " + what + ", " + functions);
    for (const std::string& line : result.report)
      print_line(stdout, "  " + line);
    return;
  }
  const std::string done = patch + " is " + what + ", " + functions;
  if (result.by_itself) {
    print_line(stdout, done + ", by itself in " + milliseconds(took_ns));
    if (!result.stays.empty())
      print_line(stdout, process + "its code stays loaded: " + result.stays);
    return;
  }
  std::string line =
      done + "; it stood still for " + milliseconds(result.stood_ns);
  if (result.away_ns != 0)
    line += ", one thread was away for " + milliseconds(result.away_ns) + ',';
  print_line(stdout, line + " of " + milliseconds(took_ns));
  if (!result.suspended.empty())
    print_line(stdout, process + "the seccomp filter of " + result.suspended +
                           " was suspended while it was away");
  if (!result.stays.empty())
    print_line(stdout, process + "its code stays loaded: " + result.stays);
  if (!result.unended.empty())
    print_line(stdout, process + result.unended);
}

}  // namespace hotpatch::tools
