// PTRACE_SEIZE, without the wait for each other that it can begin with
// execve(2).
//
// A thread that executes another program first waits for the others to be gone,
// and holds a lock meanwhile that seizing a thread of its process takes as well
// (cred_guard_mutex: de_thread() in fs/exec.c, ptrace_attach() in
// kernel/ptrace.c).  One of the others that is traced already is gone only when
// its tracer has waited for it, which the tracer cannot do while it seizes.  So
// whatever ends is waited for while a thread is being seized.
//
// From the thread that traces, which has no children of its own.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_SEIZING_H
#define HOTPATCH_OUTSIDE_SEIZING_H

#include <sys/types.h>

namespace hotpatch::outside {

// Options as for PTRACE_SETOPTIONS.  False: errno says why.  A traced thread
// that ended meanwhile is not there any more for waitpid(2).
bool seize(pid_t thread, long options);

}  // namespace hotpatch::outside

#endif
