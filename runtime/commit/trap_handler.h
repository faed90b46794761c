// The process's handler of SIGTRAP: ours for breakpoints of the breakpoint
// protocol, the program's for every other trap.
//
// Invariant: a trap that is not ours reaches the handler that the program has
// installed last, or does what the kernel would have done.  A handler that was
// installed over ours may hand traps on to ours; they then go where ours was
// put over, and never in a circle.  Ours stays installed, because a thread may
// come to it long after a commit.
//
// Used under the library's lock; the handler itself takes none.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_TRAP_HANDLER_H
#define HOTPATCH_RUNTIME_TRAP_HANDLER_H

#include <cstdint>

namespace hotpatch {

// Where a thread goes on that met an int3 at `address`; 0: it is not ours.
using trap_destination = std::uint64_t (*)(std::uint64_t address);

enum class trap_signal : std::uint8_t {
  ours,        // the handler is, or is now for the first time, in place
  taken_over,  // the program had put its own over it; ours is on top again
  refused,     // the system does not let us
};

// Sees to it that our handler gets the signal.
[[nodiscard]] trap_signal own_trap_signal(
    trap_destination destination) noexcept;

}  // namespace hotpatch

#endif
