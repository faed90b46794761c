// Finds an address of given code in memory that other threads use as stacks.
//
// The other threads stand still, so that nothing is unmapped meanwhile.  One
// user at a time; takes no lock and allocates nothing.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_MEMORY_SEARCH_H
#define HOTPATCH_RUNTIME_MEMORY_SEARCH_H

#include <cstddef>
#include <cstdint>

#include "runtime/threads/code_ranges.h"
#include "runtime/threads/memory_regions.h"

namespace hotpatch {

class memory_search {
 public:
  memory_search(const code_ranges& ranges, memory_regions& regions) noexcept
      : ranges_(ranges), regions_(regions)
  {
  }

  // Looks at all aligned words in [from, to) that are mapped and readable.
  // `idle`: most of the memory may never have been touched.
  bool find(std::uint64_t from, std::uint64_t to, bool idle) noexcept;

  // The same for a red zone, the 128 bytes below a stack pointer.
  bool find_below_stack(std::uint64_t from, std::uint64_t to) noexcept;

  // What the last find() that returned true has found.
  struct hit {
    std::uint64_t address = 0;
    std::size_t range = code_ranges::none;
  };
  const hit& found() const noexcept { return hit_; }

 private:
  bool find_touched(std::uint64_t from, std::uint64_t to) noexcept;
  bool find_word(std::uint64_t from, std::uint64_t to,
                 code_ranges::role how) noexcept;

  const code_ranges& ranges_;
  memory_regions& regions_;
  hit hit_;
};

}  // namespace hotpatch

#endif
