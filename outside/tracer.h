// What this process owes to the threads that it traces, all of them together.
//
// Owns two promises.  A thread that cannot be let go yet, because the kernel
// does not let it stop, is kept on a list and let go as soon as it stops.  And
// this process is not stopped by job control while it traces a thread: the
// terminal's signals wait until the last one is let go, since a thread that
// stops in front of a tracer that stands would stand as long.
//
// While a thread is traced, SIGCHLD is blocked and waited for: the kernel sends
// it for each stop of a tracee (ptrace(2)).  One tracer per process, in the
// thread that seizes.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_TRACER_H
#define HOTPATCH_OUTSIDE_TRACER_H

#include <cstdint>

#include <sys/types.h>

#include "runtime/base/deadline.h"

namespace hotpatch::outside {

// PTRACE_SEIZE, without the wait for each other that it can begin with
// execve(2).
//
// A thread that executes another program first waits for the others to be gone,
// and holds a lock until then that seizing a thread of its process takes as
// well (cred_guard_mutex: de_thread() in fs/exec.c, ptrace_attach() in
// kernel/ptrace.c).  One of the others that is traced already is gone only when
// its tracer has waited for it, which the tracer cannot do while it seizes.  So
// another thread of this process waits for whatever ends while one is being
// seized for long.
//
// From the thread that traces, in a process that has no children of its own and
// does not fork from now on.
//
// Options as for PTRACE_SETOPTIONS.  False: errno says why.  A traced thread
// that has ended by then is not there any more for waitpid(2).
bool seize(pid_t thread, long options);

class tracee;

class tracer {
 public:
  // To be called before a thread is seized, and after it was let go or ended.
  static void begins(pid_t thread);
  static void ended(pid_t thread);

  static bool traces(pid_t thread);

  // Waits until a tracee may have something to tell, ten milliseconds at most.
  static void wait(deadline until);

  // Takes over a tracee that has to be let go when it stops; or whose end has
  // to be waited for, since its parent is not told before.
  static void let_go_later(tracee&& thread);

  // Lets go of those that stopped since.  Does not wait.
  static void let_go_of_late();

  // A thread of this process, taken over before, has not stopped yet; 0: none.
  static pid_t late_of(pid_t process);

  // Sleeps.  For a time in which nothing is to stand: threads that were late
  // are let go at once.  A signal that this process handles ends it early.
  static void pause(std::int64_t nanoseconds);
};

}  // namespace hotpatch::outside

#endif
