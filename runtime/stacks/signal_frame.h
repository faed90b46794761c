// What a signal frame looks like among the words of a stack.
//
// In the registers that the kernel saves, the stack pointer comes directly
// before the instruction pointer, and after it come the flags and, in one word,
// the segments: code, then gs and fs, which are 0, then stack (struct
// sigcontext_64 in the kernel's arch/x86/include/uapi/asm/sigcontext.h, and
// setup_sigcontext() in arch/x86/kernel/signal_64.c).
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_SIGNAL_FRAME_H
#define HOTPATCH_RUNTIME_SIGNAL_FRAME_H

#include <cstddef>
#include <cstdint>

namespace hotpatch {

// By the two words that follow what may be a saved instruction pointer.
[[gnu::always_inline]] inline bool is_signal_frame(
    std::uint64_t flags, std::uint64_t segments) noexcept
{
  constexpr std::uint64_t always_set = 0x202;  // IF, and the reserved bit
  constexpr std::uint64_t all_flags = 0x3fffff;
  constexpr std::uint64_t user_code = 0x33;
  return (segments & 0xffffffffffff) == user_code &&
         (flags & always_set) == always_set && flags <= all_flags;
}

// How many words after the instruction pointer are looked at.
inline constexpr std::size_t signal_frame_words = 2;

// Where a signal handler returns to, the C library's or another one's:
//   48 c7 c0 0f 00 00 00    mov $15, %rax      (SYS_rt_sigreturn)
//   0f 05                   syscall
inline constexpr std::uint8_t signal_return_code[] = {
    0x48, 0xc7, 0xc0, 0x0f, 0x00, 0x00, 0x00, 0x0f, 0x05};

// When it is reached, the stack pointer leads to a struct ucontext, in which
// the general registers begin here (arch/x86/include/uapi/asm/ucontext.h): r8
// to r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip.
inline constexpr std::uint64_t signal_registers_offset = 40;
inline constexpr std::size_t signal_register_count = 17;

}  // namespace hotpatch

#endif
