// Whether a thread is on the stack that it was started on.
//
// The kernel names that of the first thread; the C library puts every other
// thread's control block, where fs points, at the upper end of its stack.  The
// child of a fork(2) goes on with the stack of the thread that forked.  Of a
// thread that stands still.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_FIRST_STACK_H
#define HOTPATCH_OUTSIDE_FIRST_STACK_H

#include <cstdint>

#include "outside/tracee.h"
#include "processes/maps.h"

namespace hotpatch::outside {

// `pointer` is a stack pointer of the thread's, in `stack`.
inline bool is_first_stack(const tracee& thread,
                           const user_regs_struct& registers,
                           std::uint64_t pointer, const process_mapping& stack)
{
  return (thread.id() == thread.process() && stack.path == "[stack]") ||
         (registers.fs_base >= pointer && registers.fs_base < stack.end);
}

}  // namespace hotpatch::outside

#endif
