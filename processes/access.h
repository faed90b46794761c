// May this process be looked at, and if not, why and what helps?
//
// One thread at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_PROCESSES_ACCESS_H
#define HOTPATCH_PROCESSES_ACCESS_H

#include <sys/types.h>

namespace hotpatch {

// Throws trouble for what has no sites because of what it is: no such process,
// a zombie, a kernel thread, a 32-bit program.
void check_process(pid_t pid);

// Throws trouble that explains `error`, met when the process was read: who may
// look at it, and which setting of this system stands in the way.
[[noreturn]] void refuse_access(pid_t pid, int error);

}  // namespace hotpatch

#endif
