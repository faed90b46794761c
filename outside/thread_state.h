// Everything that a thread of another process has, and a borrower must give
// back: general and vector registers, signal mask, and the system call that it
// was taken out of.
//
// Plain values; taken from and given to a thread that is stopped.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_THREAD_STATE_H
#define HOTPATCH_OUTSIDE_THREAD_STATE_H

#include <cstdint>
#include <vector>

#include <sys/user.h>

#include "outside/tracee.h"

namespace hotpatch::outside {

struct thread_state {
  user_regs_struct registers;
  std::vector<std::uint8_t> vectors;
  std::uint64_t blocked_signals;
};

// At a stop in front of signal handling, or at the entry to a system call,
// which is taken back then: it has not begun.
thread_state save_state(const tracee& thread);

// At a stop in front of signal handling: an interrupted system call goes on as
// if nothing had been.  The registers come last: until then the thread's
// program counter is in the borrower's code.
void restore_state(tracee& thread, const thread_state& state);

// A few system calls return EINTR whenever their thread is interrupted, even if
// no signal handler runs (signal(7), "Interruption of system calls and library
// functions by stop signals").  Makes them go on, unless a handler does run.
// To be called once for every thread that was interrupted.
void mend_interrupted_call(tracee& thread);

// The system call, and how it ended, for a thread at a stop in front of signal
// handling: true if it was waiting in the kernel and is to wait again.
bool waits_in_call(const user_regs_struct& registers);

// The registers as they are when the thread is to make the system call anew by
// itself, without the kernel's help.
user_regs_struct before_call(const user_regs_struct& registers);

}  // namespace hotpatch::outside

#endif
