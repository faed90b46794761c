// One transaction's way from the present stacks of replacements to others.
//
// Steps are planned one after the other, each upon what those before it have
// planned, and then happen together: commit() changes all sites or none.  A
// plan that is not committed leaves no trace.
//
// One at a time, under the library's lock, while no image can be unloaded.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_PATCH_PLAN_H
#define HOTPATCH_RUNTIME_PATCH_PLAN_H

#include <cstddef>
#include <cstdint>

#include "runtime/array.h"
#include "runtime/code_ranges.h"
#include "runtime/commit.h"
#include "runtime/include/hotpatch.h"
#include "runtime/level.h"
#include "runtime/patches.h"

namespace hotpatch {

class patch_plan {
 public:
  explicit patch_plan(patches& all) noexcept : all_(all) {}
  patch_plan(const patch_plan&) = delete;
  patch_plan& operator=(const patch_plan&) = delete;
  ~patch_plan();

  // Puts `target`, the address of a function, on top of the site's stack.
  [[nodiscard]] hp_status apply(const located_site& where,
                                std::uint64_t target) noexcept;

  // Takes the newest replacement away.
  [[nodiscard]] hp_status revert(const located_site& where) noexcept;

  // Takes `target` away, wherever in the stack it is.
  [[nodiscard]] hp_status remove(const located_site& where,
                                 std::uint64_t target) noexcept;

  // Takes all replacements of all sites away.
  [[nodiscard]] hp_status revert_all() noexcept;

  [[nodiscard]] hp_status commit(commit_order& order) noexcept;

  // True if a stack has a replacement that it did not have before.
  bool adds() const noexcept { return adds_; }

 private:
  hp_status include(const located_site& where, site_state*& state) noexcept;
  hp_status include(site_state& state) noexcept;
  hp_status refuse_loop(const site_state& state) noexcept;
  hp_status plan_change(site_state& state) noexcept;
  hp_status vacate(const site_state& state) noexcept;
  void adopt() noexcept;

  patches& all_;
  array<site_state*> states_;
  array<change> changes_;
  array<code_range> vacated_;
  bool adds_ = false;
};

}  // namespace hotpatch

#endif
