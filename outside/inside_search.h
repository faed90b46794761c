// Whether a thread of a stopped process is inside given code.
//
// Conservative, like the runtime's stack_search.h: every general register
// counts, and every word between a thread's stack pointer and the end of the
// mapping that its stack is in.  Where a signal frame leads to another stack,
// as from an alternate one, that is searched from there; a thread that came to
// a stack of its own making in another way has all of its first stack searched.
// In the red zone no return address can be.  The first byte of a body is where
// pointers to the original lead, so there it counts as a program counter only,
// also as one that a signal frame keeps.  What is not looked at: stacks that no
// thread is on.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_INSIDE_SEARCH_H
#define HOTPATCH_OUTSIDE_INSIDE_SEARCH_H

#include <cstdint>
#include <string>
#include <vector>

#include "outside/stopped_process.h"

namespace hotpatch::outside {

struct occupied_code {
  std::uint64_t begin;
  std::uint64_t end;
  std::string name;
  bool whole;  // every address counts: memory that is to be unmapped
};

// Empty: nobody is inside.  Otherwise who and where, in words.
std::string find_inside(const stopped_process& process,
                        const std::vector<occupied_code>& code);

}  // namespace hotpatch::outside

#endif
