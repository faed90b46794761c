// The memory of one image as its records see it: stretches of addresses, each
// with the bytes found there, whether those lie in this process, in a mapped
// file or in a section of an object file.
//
// Owns the invariant that a stretch is handed out only for addresses that lie
// inside it, so a reader of a view cannot leave the image.  A view is
// a value without ownership; any thread may use its own.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_MEMORY_VIEW_H
#define HOTPATCH_RUNTIME_MEMORY_VIEW_H

#include <cstddef>
#include <cstdint>

namespace hotpatch {

struct memory_range {
  std::uint64_t address = 0;
  std::uint64_t size = 0;
  const unsigned char* bytes = nullptr;  // as many as `size` says
  bool executable = false;

  // Unsigned arithmetic: an address below the range becomes a huge offset.
  [[nodiscard]] bool contains(std::uint64_t where) const noexcept
  {
    return where - address < size;
  }
  [[nodiscard]] bool contains(std::uint64_t where,
                              std::uint64_t length) const noexcept
  {
    return contains(where) && length <= size - (where - address);
  }
  [[nodiscard]] const unsigned char* at(std::uint64_t where) const noexcept
  {
    return bytes + (where - address);
  }
};

// The ranges must be sorted by address and must not overlap (sort_ranges).
struct memory_view {
  const memory_range* ranges = nullptr;
  std::size_t count = 0;

  // The range that contains `address`, or null.
  [[nodiscard]] const memory_range* find(std::uint64_t address) const noexcept;
};

// Sorts in place; false if two ranges overlap or one wraps around the end of
// the address space.
[[nodiscard]] bool sort_ranges(memory_range* ranges,
                               std::size_t count) noexcept;

}  // namespace hotpatch

#endif
