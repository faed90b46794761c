// The strings of an image, found by address in its memory.
//
// Owns the invariant that a string it hands out ends inside the image.  Used by
// one thread at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_VIEW_TEXTS_H
#define HOTPATCH_RUNTIME_VIEW_TEXTS_H

#include <cstdint>

#include "runtime/elf/memory_view.h"

namespace hotpatch {

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
