// What /proc tells of a thread that runs on: the system call that it waits in,
// and since when.
//
// Asked before a thread is stopped, because stopping it ends the call.  A
// snapshot.  One thread at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_THREAD_LOOK_H
#define HOTPATCH_OUTSIDE_THREAD_LOOK_H

#include <array>
#include <cstdint>

#include <sys/types.h>
#include <sys/user.h>

#include "outside/interrupted_call.h"

namespace hotpatch::outside {

struct thread_look {
  std::int64_t call = -1;  // -1: it runs, or waits for something else
  std::array<std::uint64_t, 6> arguments = {};

  // When it began to sleep in a call with a limit that the kernel will forget;
  // otherwise, or if the kernel does not tell, 0.
  std::int64_t since = 0;
  // How often it had gone to sleep by then.
  std::int64_t sleeps = 0;

  // Whether a thread with these registers is in that call.
  bool is_in(const user_regs_struct& registers) const;

  // Whether a thread that has stopped since then has slept in that call all the
  // time: otherwise it may be in another one that looks the same.
  bool slept_until_stopped(pid_t process, pid_t thread) const;

  // Whether it waits for a child of vfork(2) to execute a program or to end, as
  // posix_spawn(3) does.  The kernel does not let it stop before.
  bool waits_for_child() const;
};

// /proc/PID/task/TID/syscall.
thread_look look_at_thread(pid_t process, pid_t thread);

// The limit for receiving or sending of a process's socket, in nanoseconds; -1:
// there is none, or it is no socket.
std::int64_t socket_limit(pid_t process, int descriptor, time_limit::form what);

}  // namespace hotpatch::outside

#endif
