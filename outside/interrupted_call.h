// The kernel's rules for system calls that are interrupted, as a tracer sees
// them in the registers of a stopped thread.
//
// Pure: computes registers.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_INTERRUPTED_CALL_H
#define HOTPATCH_OUTSIDE_INTERRUPTED_CALL_H

#include <cstdint>

#include <sys/user.h>

namespace hotpatch::outside {

// In orig_rax: the thread is in no system call, and none is to be made again.
inline constexpr std::uint64_t no_call = ~std::uint64_t{0};

// For a thread at a stop in front of signal handling: true if it was waiting in
// the kernel and is to wait again.
bool waits_in_call(const user_regs_struct& registers);

// A few system calls return EINTR whenever their thread is interrupted, even if
// no signal handler runs (signal(7), "Interruption of system calls and library
// functions by stop signals").  Makes such a one go on, unless a handler does
// run; true if there is something to change.
bool mend_interrupted_call(user_regs_struct& registers);

// The registers as they are when the thread is to make the system call anew by
// itself, without the kernel's help.
user_regs_struct before_waiting_call(const user_regs_struct& registers);

// The same at the stop at a call's entry: it has not begun.
user_regs_struct before_entered_call(const user_regs_struct& registers);

}  // namespace hotpatch::outside

#endif
