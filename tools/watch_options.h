// What the users of hp-watch ask for.
//
// Owns the command line, as change_options.h does for hp-apply.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TOOLS_WATCH_OPTIONS_H
#define HOTPATCH_TOOLS_WATCH_OPTIONS_H

#include <cstdint>
#include <string>
#include <vector>

#include "tools/how_options.h"

namespace hotpatch::tools {

struct watch_options {
  std::vector<std::string> directories;
  std::int64_t interval_ms = 1000;
  how_options how;
};

// Leaves the program for --help, --version and misuse, as argp does.
watch_options parse_watch_options(int argc, char** argv);

}  // namespace hotpatch::tools

#endif
