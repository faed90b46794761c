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
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_RETURN_FRAME_H
#define HOTPATCH_OUTSIDE_RETURN_FRAME_H

#include <cstdint>
#include <vector>

#include "outside/thread_state.h"

namespace hotpatch::outside {

struct return_frame {
  std::uint64_t address;
  std::vector<std::uint8_t> bytes;

  // Where the stack pointer must be when rt_sigreturn(2) is called: after the
  // return address, which is the first thing in the frame.
  std::uint64_t stack_pointer() const { return address + 8; }
};

// Below what the thread uses of its stack, its red zone of 128 bytes included
// (System V ABI for x86-64, 3.2.2).  `restorer` is where returning from the
// borrowed code leads: instructions that call rt_sigreturn(2).
return_frame build_return_frame(const thread_state& state,
                                std::uint64_t restorer);

}  // namespace hotpatch::outside

#endif
