// What there is to be seen of applied patches and of stacks of replacements.
//
// A listing is taken under the library's lock and has copies of all texts, so
// that it can be looked at without the lock, while patches come and go.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_PATCH_LISTING_H
#define HOTPATCH_RUNTIME_PATCH_LISTING_H

#include <cstddef>

#include "runtime/base/array.h"
#include "runtime/include/hotpatch.h"
#include "runtime/patches/named_patch.h"
#include "runtime/patches/patches.h"

namespace hotpatch {

// One applied patch; its texts are the patch's own.
[[nodiscard]] hp_patch describe(patches& all,
                                const named_patch& patch) noexcept;

class patch_listing {
 public:
  // HP_NO_MEMORY.
  [[nodiscard]] hp_status take(patches& all) noexcept;

  std::size_t size() const noexcept { return entries_.size(); }
  const hp_patch& operator[](std::size_t i) const noexcept
  {
    return entries_[i];
  }

 private:
  array<hp_patch> entries_;
  owned_patches copies_;
};

// The stack of one site, the newest first.
class replacement_listing {
 public:
  // HP_NO_MEMORY.
  [[nodiscard]] hp_status take(const patches& all,
                               const located_site& where) noexcept;

  std::size_t size() const noexcept { return entries_.size(); }
  const hp_replacement& operator[](std::size_t i) const noexcept
  {
    return entries_[i];
  }

 private:
  array<hp_replacement> entries_;
  owned_patches copies_;
};

}  // namespace hotpatch

#endif
