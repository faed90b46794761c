// The steps of a transaction, as the program asked for them, and what they
// amount to.
//
// Operations are values; the caller keeps their texts.  Planned under the
// library's lock, while no image can be unloaded.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_PLANNING_H
#define HOTPATCH_RUNTIME_PLANNING_H

#include <cstdint>
#include <span>

#include "runtime/include/hotpatch.h"
#include "runtime/library/library.h"
#include "runtime/patches/patch_plan.h"
#include "runtime/transactions/inlined_copies.h"
#include "runtime/transactions/patch_hooks.h"

namespace hotpatch {

struct operation {
  enum class kind : std::uint8_t {
    apply,
    revert,
    remove,
    revert_all,  // these, too, concern named patches
    add_patch,
    remove_patch,
  };

  kind what;
  unsigned flags = 0;  // apply
  // Of the function, or of the patch to remove; not for the others.
  const char* name = nullptr;
  std::uint64_t replacement = 0;  // apply, remove
  const char* type = nullptr;     // apply: the mangled type, null: unknown
  // What is known by more than a name.
  union {
    // apply: the symbol of the site, if it has been looked up; 0: by the name.
    std::uint64_t site = 0;
    // add_patch: which.  The replacements applied after it belong to it.
    named_patch* patch;
  } known = {};
};

// The step may change which named patches are applied.
inline bool concerns_patches(const operation& step) noexcept
{
  return step.what >= operation::kind::revert_all;
}

// Checks what can be checked without looking at sites.  `function`: the name of
// the one that the program called.
[[nodiscard]] hp_status check_operations(
    const char* function, std::span<const operation> operations) noexcept;

// Plans what the operations amount to, as things are.  HP_INLINED without words
// if `copies` has something to judge first.
[[nodiscard]] hp_status plan_operations(library& self, patch_plan& plan,
                                        std::span<const operation> operations,
                                        hp_level level,
                                        inlined_copies& copies) noexcept;

// Which named patches the operations take away and bring; if one of them has
// hooks, also whether the operations can be done as things are, as
// plan_operations() does.
[[nodiscard]] hp_status survey_patches(library& self,
                                       std::span<const operation> operations,
                                       hp_level level, inlined_copies& copies,
                                       patch_hooks& hooks) noexcept;

// A function that an operation replaces.
struct replaced_site {
  located_site where;
  const operation* step = nullptr;
};

// All of them, as things are.
[[nodiscard]] hp_status list_replaced(library& self,
                                      std::span<const operation> operations,
                                      array<replaced_site>& into) noexcept;

}  // namespace hotpatch

#endif
