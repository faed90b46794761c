// One transaction's way from the present stacks of replacements to others.
//
// Steps are planned one after the other, each upon what those before it have
// planned, and then happen together: commit() (commit.h) changes all sites or
// none.  A plan that is not adopted leaves no trace.
//
// Dependencies are looked at when all steps are planned: who needs whom may be
// wrong in between, but not in what is committed.
//
// One at a time, under the library's lock, while no image can be unloaded.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_PATCH_PLAN_H
#define HOTPATCH_RUNTIME_PATCH_PLAN_H

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/base/array.h"
#include "runtime/commit/commit.h"
#include "runtime/include/hotpatch.h"
#include "runtime/patches/patches.h"
#include "runtime/stacks/code_ranges.h"

namespace hotpatch {

class patch_plan {
 public:
  explicit patch_plan(patches& all) noexcept
      : all_(all), states_(all.planned_), changes_(all.changes_)
  {
  }
  patch_plan(const patch_plan&) = delete;
  patch_plan& operator=(const patch_plan&) = delete;
  ~patch_plan();

  // Puts `target`, the address of a function, on top of the site's stack, as a
  // part of `patch`; null: of none.
  [[nodiscard]] hp_status apply(const located_site& where, std::uint64_t target,
                                named_patch* patch = nullptr) noexcept;

  // Takes the newest replacement away.
  [[nodiscard]] hp_status revert(const located_site& where) noexcept;

  // Takes `target` away, wherever in the stack it is.  Neither this nor
  // revert() takes a part of a named patch.
  [[nodiscard]] hp_status remove(const located_site& where,
                                 std::uint64_t target) noexcept;

  // Takes all replacements of all sites away, and all named patches.
  [[nodiscard]] hp_status revert_all() noexcept;

  // The patch counts as applied.  It takes the place of an older one of its
  // name, whose replacements go; the caller keeps the object until it is no
  // longer applied.
  [[nodiscard]] hp_status add_patch(named_patch& patch) noexcept;

  // Takes a patch away with all its replacements.
  [[nodiscard]] hp_status remove_patch(const char* name) noexcept;

  // Checks what the steps amount to, and encodes it.
  [[nodiscard]] hp_status prepare(hp_level level) noexcept;

  // What prepare() has found good, for commit().
  std::span<change> changes() noexcept
  {
    return {changes_.data(), changes_.size()};
  }
  // The code that no thread may be inside, at the level quiescent.
  std::span<const code_range> vacated() const noexcept
  {
    return {vacated_.data(), vacated_.size()};
  }

  // The changes have been committed: from now on they are how things are.
  void adopt() noexcept;

  // True if a stack has a replacement that it did not have before, or a patch
  // comes, which may have hooks.
  bool adds() const noexcept { return adds_; }

  // The patches that the transaction takes away, the newest first, and those
  // that it brings, in the order of its steps.  False: no memory.
  [[nodiscard]] bool list_patches(patch_list& gone,
                                  patch_list& come) const noexcept;

 private:
  hp_status include_patches() noexcept;
  hp_status take_out(const named_patch& patch) noexcept;
  hp_status check_part(const site_state& state, const replacement& part,
                       const named_patch& patch) const noexcept;
  hp_status refuse_part(const site_state& state,
                        const replacement& part) const noexcept;
  hp_status check_dependencies() const noexcept;
  hp_status include(const located_site& where, site_state*& state) noexcept;
  hp_status include(site_state& state) noexcept;
  void enter(site_state& state) noexcept;
  bool may_loop(const site_code& site, std::uint64_t target) const noexcept;
  hp_status refuse_loop(const site_state& state, std::uint64_t target) noexcept;
  hp_status plan_change(site_state& state, std::uint64_t target,
                        hp_level level) noexcept;
  hp_status check_entry(const site_state& state, std::uint64_t target,
                        hp_level level) const noexcept;
  hp_status plan_far(site_state& state, std::uint64_t target,
                     change& change) noexcept;
  hp_status plan_cell(site_state& state, const char* reason,
                      std::uint64_t target, change& change) noexcept;
  hp_status vacate(const site_state& state, std::uint64_t target) noexcept;
  hp_status vacate_junctions() noexcept;

  patches& all_;
  array<site_state*>& states_;
  std::uint64_t highest_ = 0;  // the word of the last one
  bool in_order_ = true;       // ascending, as long as nothing else was seen
  array<change>& changes_;
  array<code_range> vacated_;
  patch_list named_;  // as it is to become, if named_change_
  bool named_change_ = false;
  bool adds_ = false;
};

}  // namespace hotpatch

#endif
