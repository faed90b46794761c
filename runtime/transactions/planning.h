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

#include "runtime/base/array.h"
#include "runtime/include/hotpatch.h"
#include "runtime/library/library.h"
#include "runtime/patches/patch_plan.h"
#include "runtime/sites/process_sites.h"
#include "runtime/transactions/patch_hooks.h"

namespace hotpatch {

// Whether a transaction may replace functions of which copies may have been
// inlined into others.
//
// The rule is copy_check.h's; it takes the images' files, which are not read
// under the library's lock.  So planning only notes that it meets such a
// function, and fails; then the transaction is judged without the lock and
// planned again.  Most transactions meet none, and pay nothing.
struct operation;

class inlined_copies {
 public:
  // `allowed`: copies may stay where they are.
  explicit inlined_copies(bool allowed) noexcept : allowed_(allowed) {}

  // Whether the step may replace the function; if that is not known yet, it is
  // noted.
  bool may_replace(const operation& step, const located_site& where) noexcept
  {
    if ((where.site.flags & format::site_copied) == 0 || allowed_)
      return true;
    return is_judged(step, where);
  }

  // From now on nothing is noted.
  void begin() noexcept { asked_ = false; }
  // The plan had to end, since something was met that is not judged.
  [[nodiscard]] bool asked() const noexcept { return asked_; }

  // Without the library's lock.  HP_OK: all that the operations replace may be;
  // plan again.  HP_INLINED, HP_NO_MEMORY, and what looking up their names may
  // fail with.
  [[nodiscard]] hp_status judge(std::span<const operation> operations) noexcept;

  // Does it again when what it has asked for is judged.
  template <typename Action>
  [[nodiscard]] hp_status judged(std::span<const operation> operations,
                                 Action action) noexcept
  {
    for (;;) {
      begin();
      const hp_status status = action();
      if (status != HP_INLINED || !asked_)
        return status;
      if (const hp_status found = judge(operations); found != HP_OK)
        return found;
    }
  }

 private:
  struct judged_site {
    std::uint64_t symbol = 0;
    std::uint64_t image_id = 0;
  };

  bool is_judged(const operation& step, const located_site& where) noexcept;

  array<judged_site> judged_;  // by symbol
  int judgements_ = 0;
  const bool allowed_;
  bool asked_ = false;
};

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
