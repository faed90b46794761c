// How hp-apply and hp-revert change processes: options, each process, and what
// is printed.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TOOLS_CHANGE_PROCESSES_H
#define HOTPATCH_TOOLS_CHANGE_PROCESSES_H

#include <argp.h>
#include <cstdint>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "outside/apply.h"
#include "outside/control_patching.h"

namespace hotpatch::tools {

// --- How options ------------------------------------------------------------
// The options that hp-apply, hp-revert and hp-watch share: how a change is
// made.
//
// Owns the part of their command lines that becomes change_method.

struct change_method {
  outside::apply_settings settings;  // for tracing, and what both have
  outside::control_wishes control;
  bool traces = false;  // also where a control socket is offered
};

// A child parser; its input is a change_method.
extern const argp method_parser;

// A number of seconds, as milliseconds.  Misuse, named by `option`, ends the
// program as argp does.
std::int64_t parse_seconds(const char* option, std::string_view text,
                           argp_state* state);

enum class change_kind { apply, revert };

// --- Change options ---------------------------------------------------------
// What the users of hp-apply and hp-revert ask for.
//
// Owns the command line, as options.h does for hp-list.

struct change_options {
  pid_t pid = 0;
  std::string program;               // all its processes, instead of a pid
  std::vector<std::string> patches;  // files to apply, or names to revert
  change_method method;
};

// Exit statuses, documented in hp-apply(1).  Misuse is 64, argp's EX_USAGE.
enum change_status : int {
  change_done = 0,
  change_refused = 1,  // nothing was changed, and why
  change_busy = 2,     // nothing was changed: a thread never left a function
  change_half = 4,  // a failure could not be undone; the message says what is
                    // (3: tell_of_shortened_files)
};

// Leaves the program for --help, --version and misuse, as argp does.
change_options parse_change_options(change_kind kind, int argc, char** argv);

// --- Change patch -----------------------------------------------------------
// One patch in one process: by the process itself, if it offers that, or by
// tracing it.
//
// From the thread that traces.

// Applies what was read of a file, whatever is in that file by now.  Throws
// tool_error, process_busy.
outside::apply_result apply_patch(const change_method& method, pid_t process,
                                  outside::patch_object& patch);

// A file to apply, or a name to revert.  Throws the same.
outside::apply_result change_patch(change_kind kind,
                                   const change_method& method, pid_t process,
                                   const std::string& patch);

// --- Change report ----------------------------------------------------------
// What a tool prints about a change that was made, or would be.

// On the standard output.
void tell_change(change_kind kind, bool dry_run, pid_t process,
                 const outside::apply_result& result, std::int64_t took_ns);

// --- Change processes -------------------------------------------------------
// What hp-apply and hp-revert do with their options: process after process,
// patch after patch, and an exit status for all.

// Tells of success on the standard output, of failure on the standard error.
change_status change_processes(change_kind kind, const change_options& chosen);

}  // namespace hotpatch::tools

#endif
