// A process id on a command line.
//
// Owns what is taken for one: a decimal number above zero, and nothing beside
// it.  Called from any thread.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TOOLS_PROCESS_ID_H
#define HOTPATCH_TOOLS_PROCESS_ID_H

#include <string_view>

#include <sys/types.h>

namespace hotpatch::tools {

// False if the text is none.
bool parse_process_id(std::string_view text, pid_t& into);

}  // namespace hotpatch::tools

#endif
