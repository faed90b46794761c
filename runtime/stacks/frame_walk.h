// The frames of a thread that stands, by the unwinding tables of the images
// that they belong to (.eh_frame and .eh_frame_hdr: the Linux Standard Base,
// "Exception Frames", and DWARF 5, section 6.4).
//
// The search of stacks asks it one thing only: whether the frames from the
// stack pointer upward are all that the thread has on that stack.  What it says
// is never a reason to leave out a word above the stack pointer.
//
// Pure: reads through a stack_memory, allocates nothing.  Images without
// tables, such as musl's, are passed by the next word that is a return address.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_FRAME_WALK_H
#define HOTPATCH_RUNTIME_FRAME_WALK_H

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/stacks/stack_memory.h"

namespace hotpatch {

// Whether a signal frame lies among the words of a stack.
//
// In the registers that the kernel saves, the stack pointer comes directly
// before the instruction pointer, and after it come the flags and, in one word,
// the segments: code, then gs and fs, which are 0, then stack (struct
// sigcontext_64 in the kernel's arch/x86/include/uapi/asm/sigcontext.h, and
// setup_sigcontext() in arch/x86/kernel/signal_64.c).
//
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

// An image's code, and its .eh_frame_hdr; 0: it has none.
struct unwind_table {
  std::uint64_t begin;
  std::uint64_t end;
  std::uint64_t header;
};

// Registers by their numbers in DWARF (x86-64 ABI, figure 3.36).
enum dwarf_register : std::uint8_t {
  dwarf_rax,
  dwarf_rdx,
  dwarf_rcx,
  dwarf_rbx,
  dwarf_rsi,
  dwarf_rdi,
  dwarf_rbp,
  dwarf_rsp,
  dwarf_r8,
  dwarf_r15 = 15,
  dwarf_rip = 16,
  dwarf_count = 17,
};

struct frame_registers {
  std::uint64_t value[dwarf_count] = {};
  std::uint32_t known = 0;  // a bit for each

  bool has(unsigned number) const noexcept { return known >> number & 1; }
  void set(unsigned number, std::uint64_t to) noexcept
  {
    value[number] = to;
    known |= 1u << number;
  }
};

struct walked_frames {
  // A stack that the thread is on, and after it those that signals took it
  // from.
  struct part {
    std::uint64_t begin;  // its stack pointer
    std::uint64_t end;    // after its last frame
  };
  static constexpr std::size_t most_parts = 8;
  part parts[most_parts] = {};
  std::size_t count = 0;

  // The last frame has none above it: its return address is undefined.  If not,
  // the walk has ended for want of knowledge.
  bool complete = false;
  // What the last frame returns to ends the thread.
  bool ends_thread = false;
};

// `tables` by ascending address.
walked_frames walk_frames(const frame_registers& from,
                          std::span<const unwind_table> tables,
                          const stack_memory& memory) noexcept;

// Whether a frame above this place, where a call would return to `from`, has
// its return address in [begin, end).  False also if that cannot be told.
bool has_caller_in(const frame_registers& from, std::uint64_t begin,
                   std::uint64_t end, std::span<const unwind_table> tables,
                   const stack_memory& memory) noexcept;

// Whether the word may be what a frame returns to: an address that a call
// instruction comes before or, where a frame was made by hand, the beginning of
// a function.
bool may_be_returned_to(std::uint64_t word,
                        std::span<const unwind_table> tables,
                        const stack_memory& memory) noexcept;

// Whether the word is an address that a call instruction comes before, in code.
bool is_return_address(std::uint64_t word, const stack_memory& memory) noexcept;

// Whether a call instruction, direct or not, may end where the bytes do; `size`
// is how many there are, of which the last eight are looked at.
bool may_end_in_call(const std::uint8_t* bytes, std::size_t size) noexcept;

}  // namespace hotpatch

#endif
