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
#include <optional>
#include <vector>

#include <sys/user.h>

#include "outside/tracee.h"

namespace hotpatch::outside {

struct thread_state {
  user_regs_struct registers;
  std::vector<std::uint8_t> vectors;
  std::uint64_t blocked_signals;
  std::optional<limited_wait> wait;
};

// At a stop in front of signal handling, or at the entry to a system call,
// which is taken back then: it has not begun.
thread_state save_state(const tracee& thread);

// At a stop in front of signal handling: an interrupted system call goes on as
// if nothing had been.  The registers come last: until then the thread's
// program counter is in the borrower's code.
void restore_state(tracee& thread, const thread_state& state);

}  // namespace hotpatch::outside

#endif
