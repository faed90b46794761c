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

// The strings of an image, found by address in its memory.
//
// Owns the invariant that a string it hands out ends inside the image.  Used by
// one thread at a time.
class view_texts {
 public:
  explicit view_texts(memory_view view) noexcept : view_(view) {}

  // Null if no string of the image begins there.
  [[nodiscard]] const char* at(std::uint64_t address) noexcept
  {
    if (address - recent_.address >= recent_.size && !look_up(address))
      return nullptr;
    return reinterpret_cast<const char*>(recent_.at(address));
  }

  // What a distance field at `field` leads to: "" for 0, null for no string.
  [[nodiscard]] const char* at_distance(std::uint64_t field,
                                        std::int32_t distance) noexcept
  {
    return distance == 0
               ? ""
               : at(field + static_cast<std::uint64_t>(std::int64_t{distance}));
  }

 private:
  [[nodiscard]] bool look_up(std::uint64_t address) noexcept;

  memory_view view_;
  memory_range recent_;  // where the last string lay, up to its last NUL
};

}  // namespace hotpatch

#endif
