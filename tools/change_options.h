// What the users of hp-apply and hp-revert ask for.
//
// Owns the command line, as options.h does for hp-list.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TOOLS_CHANGE_OPTIONS_H
#define HOTPATCH_TOOLS_CHANGE_OPTIONS_H

#include <string>
#include <vector>

#include <sys/types.h>

#include "tools/change_patch.h"

namespace hotpatch::tools {

struct change_options {
  pid_t pid = 0;
  std::string program;               // all its processes, instead of a pid
  std::vector<std::string> patches;  // files to apply, or names to revert
  how_options how;
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

}  // namespace hotpatch::tools

#endif
