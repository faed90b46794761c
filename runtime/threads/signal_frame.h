// What a signal frame looks like among the words of a stack.
//
// In the registers that the kernel saves, the stack pointer comes directly
// before the instruction pointer, and behind that come the flags and, in one
// word, the segments, code first: struct sigcontext_64 in the kernel's
// arch/x86/include/uapi/asm/sigcontext.h.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_SIGNAL_FRAME_H
#define HOTPATCH_RUNTIME_SIGNAL_FRAME_H

#include <cstdint>

namespace hotpatch {

// Whether this may be a saved instruction pointer.  Reads two words further.
[[gnu::always_inline]] inline bool is_signal_frame(
    const std::uint64_t* instruction_pointer) noexcept
{
  constexpr std::uint16_t user_code_segment = 0x33;
  return static_cast<std::uint16_t>(instruction_pointer[2]) ==
         user_code_segment;
}

}  // namespace hotpatch

#endif
