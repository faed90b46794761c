// How far a function reaches of which only the address is known.
//
// By the images' unwinding tables, which every compiler makes for every
// function, also for static ones in stripped files.  Allocates nothing; any
// thread, while the function's image cannot be unloaded.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_FUNCTION_EXTENT_H
#define HOTPATCH_RUNTIME_FUNCTION_EXTENT_H

#include <cstdint>

#include "runtime/stacks/code_ranges.h"

namespace hotpatch {

// From `address` to the next function that the tables know, or, where there is
// no table, to the end of the memory that `address` lies in: more than the
// function, never less.  A part that the compiler split off is not in it.
code_range extent_of(std::uint64_t address, const char* name) noexcept;

}  // namespace hotpatch

#endif
