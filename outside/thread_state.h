// Everything that a thread of another process has, and a borrower must give
// back: general and vector registers, signal mask, and the system call that it
// was taken out of; and the same as a signal frame, through which the thread
// finds its way back by itself.
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

#include "outside/target_memory.h"
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

// A signal frame as the kernel would have pushed it, through which a borrowed
// thread finds its way back by itself.
//
// rt_sigreturn(2) restores from such a frame everything at once: all general
// and vector registers, the flags, the signal mask.  With the frame on the
// thread's stack and code that ends in rt_sigreturn(2), a borrowed thread comes
// back unharmed even if its borrower is killed: nothing else has to be done.
//
// Pure: computes bytes.  The layout is struct rt_sigframe of
// arch/x86/include/asm/sigframe.h, and is part of the kernel's interface.
struct return_frame {
  std::uint64_t address;
  std::vector<std::uint8_t> bytes;

  // Where the stack pointer must be when rt_sigreturn(2) is called: after the
  // return address, which is the first thing in the frame.
  std::uint64_t stack_pointer() const { return address + 8; }
};

// Memory that a frame may lie in, up to `end`; 0: there is none.
//
// The first thread's frame lies at the lower end of the stack that the kernel
// gave it, whatever it runs on: a fiber's stack may end anywhere, and below it
// there may be something else of the program.  On the first stack nothing of
// the program is below the lowest word that was ever written.  So the frame
// lies where nothing was written, or only an earlier frame, still as it was
// left; and if there is no such place, the stack grows.  Every other thread's
// frame lies below its stack pointer and its red zone of 128 bytes (System V
// ABI for x86-64, 3.2.2), on the stack that the C library gave it.
struct frame_room {
  std::uint64_t end = 0;

  bool exists() const { return end != 0; }
};

// For a thread that is stopped.  Throws tool_error.
frame_room find_frame_room(const tracee& thread, const target_memory& memory);

// The frame that ends at `end`.  `restorer` is where returning from the
// borrowed code leads: instructions that call rt_sigreturn(2).
return_frame build_return_frame(const thread_state& state,
                                std::uint64_t restorer, std::uint64_t end);

// The end of the room below what a function at this stack pointer uses.
constexpr std::uint64_t below_red_zone(std::uint64_t stack_pointer)
{
  return stack_pointer - 128;
}

}  // namespace hotpatch::outside

#endif
