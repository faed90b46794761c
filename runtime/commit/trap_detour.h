// Where threads go on that meet a breakpoint of the breakpoint protocol.
//
// Invariant: a thread that traps goes on where its site's old or new function
// is, whichever is meant at that moment, or runs the word again if the commit
// is over by then.  Changed under the library's lock; the handler takes none.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_TRAP_DETOUR_H
#define HOTPATCH_RUNTIME_TRAP_DETOUR_H

#include <span>

namespace hotpatch {

struct change;

// Makes the handler ready for these words.  Null, or why it cannot be.
[[nodiscard]] const char* prepare_trap_detours(
    std::span<const change> changes) noexcept;

// To be called between the steps of the protocol.  True: the program has put
// its own handler over ours meanwhile; ours is on top again.
bool regain_trap_signal() noexcept;

void send_trapped_to_old(std::span<const change> changes) noexcept;

// One moment for all threads and all sites.
void send_trapped_to_new() noexcept;

// Breakpoints of these words could not be taken back: for ever.
void keep_trapped_old(std::span<const change> changes) noexcept;

// No breakpoint of these words is left that a core could still meet.
void forget_trapped(std::span<const change> changes) noexcept;

}  // namespace hotpatch

#endif
