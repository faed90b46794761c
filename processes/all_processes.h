// The processes of this system, as far as /proc shows them.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_PROCESSES_ALL_PROCESSES_H
#define HOTPATCH_PROCESSES_ALL_PROCESSES_H

#include <string>
#include <vector>

#include <sys/types.h>

namespace hotpatch {

// By ascending number.
std::vector<pid_t> all_processes();

// Those that execute that very file.
std::vector<pid_t> processes_of(const std::string& program);

}  // namespace hotpatch

#endif
