// What can keep a thread from being stopped, in words.
// SPDX-License-Identifier: MIT
#include "runtime/threads/stop_obstacle.h"

#include <cstring>

#include "runtime/base/status.h"

namespace hotpatch {

hp_status stop_obstacle::report() const noexcept
{
  switch (why) {
    case reason::none:
      return HP_OK;
    case reason::blocks_signal:
      return fail(HP_BUSY,
                  "thread %d (%s) blocks signal %d, which would stop it: take "
                  "it out of the thread's signal mask, or choose another one "
                  "with hp_set_stop_signal() or HOTPATCH_SIGNAL",
                  thread, name, signal);
    case reason::uses_signal:
      return fail(HP_UNSUPPORTED,
                  "thread %d (%s) blocks or waits for signal %d, which was "
                  "chosen to stop threads: choose one that the program does "
                  "not use with hp_set_stop_signal() or HOTPATCH_SIGNAL",
                  thread, name, signal);
    case reason::in_kernel:
      return fail(HP_BUSY,
                  "thread %d (%s) is in a system call that the kernel does not "
                  "interrupt (vfork before exec, or a device): try again later",
                  thread, name);
    case reason::under_debugger:
      return fail(HP_BUSY,
                  "thread %d (%s) is held by a debugger: let it go on, or "
                  "detach the debugger",
                  thread, name);
    case reason::too_slow:
      return fail(HP_BUSY,
                  "thread %d (%s) did not stop in time; on a loaded machine "
                  "allow a longer timeout",
                  thread, name);
    case reason::no_queue:
      return fail(HP_BUSY,
                  "the kernel has no room to queue signal %d for thread %d "
                  "(%s): raise RLIMIT_SIGPENDING (ulimit -i), or choose a "
                  "signal below 32 with hp_set_stop_signal()",
                  signal, thread, name);
    case reason::not_listed:
      return fail(HP_BUSY,
                  "threads begin and end faster than /proc/self/task lists "
                  "them; allow a longer timeout");
    case reason::no_memory:
      return fail(HP_NO_MEMORY, "no memory for the list of threads");
    case reason::no_proc:
      return fail(HP_UNSUPPORTED,
                  "threads cannot be stopped without the list of them in "
                  "/proc/self/task: %s; mount /proc",
                  std::strerror(error));
    case reason::wrong_proc:
      return fail(HP_UNSUPPORTED,
                  "the /proc mounted here numbers threads for another PID "
                  "namespace: mount the one of this namespace");
    case reason::refused:
      return fail(HP_DENIED,
                  "the system refuses to send signal %d to thread %d (%s): %s "
                  "(a seccomp filter?)",
                  signal, thread, name, std::strerror(error));
  }
  return HP_INTERNAL;
}

}  // namespace hotpatch
