// Whether a caller of a function relies on a register that the calling
// convention lets the function change.
//
// GCC's -fipa-ra, which is on from -O on, does that where it sees the callee: a
// value stays in rcx across the call, because the callee does not touch it.  A
// replacement may.  Every direct call is followed from its return on, until
// each such register is written or lost; reading one first means that it was
// kept.
//
// What cannot be seen: rax and rdx, which may be results; what a path does
// after an indirect jump, or after many instructions.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_UNPREPARED_CALLER_SCAN_H
#define HOTPATCH_UNPREPARED_CALLER_SCAN_H

#include <cstdint>

#include "unprepared/code_map.h"

namespace hotpatch::unprepared {

// The address after a call of the function at `entry` whose caller keeps a
// register; 0: there is none.
[[nodiscard]] std::uint64_t find_keeping_caller(const code_map& code,
                                                std::uint64_t entry) noexcept;

}  // namespace hotpatch::unprepared

#endif
