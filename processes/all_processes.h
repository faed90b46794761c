// The processes of this system, as far as /proc shows them.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_PROCESSES_ALL_PROCESSES_H
#define HOTPATCH_PROCESSES_ALL_PROCESSES_H

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace hotpatch {

// A decimal number above zero, or nothing.
std::optional<pid_t> parse_process_id(std::string_view text);

// By ascending number.
std::vector<pid_t> all_processes();

// Those that execute that file, and those that were started from it before an
// upgrade put another one in its place: the old file may be deleted or renamed
// since.  A process in a container that executes another file of that name is
// none of them.  By ascending number.
std::vector<pid_t> processes_of(const std::string& program);

}  // namespace hotpatch

#endif
