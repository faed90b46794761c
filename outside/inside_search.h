// Whether a thread of a stopped process is inside given code.
//
// By the same rules as inside a process: runtime/stacks/frame_search.h says
// what is searched and why.
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

// Empty: no thread is inside.  Otherwise who and where, in words.
std::string find_inside(const stopped_process& process,
                        const std::vector<occupied_code>& code);

}  // namespace hotpatch::outside

#endif
