// A named, versioned group of replacements, as the program described it.
//
// A value that does not change once it is made, with its own copies of all
// texts; any thread.  What belongs to it is told by its id, which is never
// used again, so that an id outlives its patch without harm.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_NAMED_PATCH_H
#define HOTPATCH_RUNTIME_NAMED_PATCH_H

#include <cstddef>
#include <cstdint>

#include "runtime/base/array.h"
#include "runtime/include/hotpatch.h"
#include "runtime/model/patch_rules.h"
#include "runtime/model/replacement_stack.h"

namespace hotpatch {

struct named_patch {
  std::uint64_t id;
  hp_patch_info info;  // its pointers lead into this object's own memory
  // That it replaces functions of.  If fewer are left, the image of one was
  // unloaded, and the patch is not in effect as a whole any more.
  std::size_t sites = 0;

  // Null: no memory.  `info` has been checked.
  [[nodiscard]] static named_patch* make(const hp_patch_info& info) noexcept;
  static void destroy(named_patch* patch) noexcept;
};

// The addresses of its hooks, 0 for those that it does not have.
struct hook_addresses {
  std::uint64_t each[4];
  const std::uint64_t* begin() const noexcept { return each; }
  const std::uint64_t* end() const noexcept { return each + 4; }
};
[[nodiscard]] hook_addresses hooks_of(const hp_patch_info& info) noexcept;

// What is wrong with a description, null if nothing is.
[[nodiscard]] const char* flaw_of(const hp_patch_info& info) noexcept;

// Patches in the order in which they were applied.
class patch_list {
 public:
  constexpr patch_list() noexcept = default;

  named_patch* find(const char* name) const noexcept;
  named_patch* find(const patch_dependency& wanted) const noexcept;
  named_patch* find(std::uint64_t id) const noexcept;
  [[nodiscard]] bool append(named_patch* patch) noexcept
  {
    return patches_.append(patch);
  }
  [[nodiscard]] bool assign(const patch_list& other) noexcept;
  void remove(const named_patch* patch) noexcept;
  void clear() noexcept { patches_.clear(); }
  void swap(patch_list& other) noexcept { patches_.swap(other.patches_); }

  std::size_t size() const noexcept { return patches_.size(); }
  bool empty() const noexcept { return patches_.empty(); }
  named_patch* operator[](std::size_t i) const noexcept { return patches_[i]; }
  named_patch* const* begin() const noexcept { return patches_.begin(); }
  named_patch* const* end() const noexcept { return patches_.end(); }

 private:
  array<named_patch*> patches_;
};

// The same, destroying what is left in it.
class owned_patches : public patch_list {
 public:
  constexpr owned_patches() noexcept = default;
  ~owned_patches();
};

}  // namespace hotpatch

#endif
