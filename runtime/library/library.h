// The library's one object, and the order of its locks.
//
// Owns the lock order: the dynamic loader's lock on loading (held by whoever
// runs constructors), then the library's own, then the loader's lock on its
// list of images (dl_iterate_phdr holds it).  Whatever runs under locked()
// therefore sees every image stay where it is.  The library's lock is outside
// of the list's, so that fork, which takes the first, never copies the second
// while a thread of ours has it: the child could not take it again.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_LIBRARY_H
#define HOTPATCH_RUNTIME_LIBRARY_H

#include <cstdint>
#include <span>

#include "runtime/commit/level.h"
#include "runtime/include/hotpatch.h"
#include "runtime/library/image_pin.h"
#include "runtime/library/loaded_patch.h"
#include "runtime/library/operation.h"
#include "runtime/library/patch_hooks.h"
#include "runtime/patches/patch_plan.h"
#include "runtime/patches/patches.h"
#include "runtime/sites/process_sites.h"

namespace hotpatch {

class library {
 public:
  constexpr library() noexcept : patches_(sites_) {}

  // Runs `body(library&)`, which returns a status, under the locks.  Keeps
  // errno, and keeps the thread from being cancelled inside.
  template <typename Body>
  [[nodiscard]] static hp_status locked(Body body) noexcept
  {
    return run([](library& self,
                  void* data) { return (*static_cast<Body*>(data))(self); },
               &body);
  }

  // All operations or none.  `added`: code is in use that was not.
  [[nodiscard]] hp_status change(std::span<const operation> operations,
                                 commit_order& order, bool& added) noexcept;

  // Which named patches the operations take away and bring; if one of them has
  // hooks, also whether the operations can be done as things are.
  [[nodiscard]] hp_status survey(std::span<const operation> operations,
                                 hp_level level, patch_hooks& hooks) noexcept;

  [[nodiscard]] hp_status original(const char* name, const char* type,
                                   unsigned flags,
                                   std::uint64_t& body) noexcept;

  [[nodiscard]] hp_status find(const char* name, located_site& found) noexcept;
  [[nodiscard]] hp_site describe(const located_site& where) const noexcept;

  process_sites& sites() noexcept { return sites_; }
  patches& all_patches() noexcept { return patches_; }
  kept_images& kept() noexcept { return kept_; }
  loaded_patches& loaded() noexcept { return loaded_; }
  text_writer& writer() noexcept { return patches_.writer(); }

 private:
  using plain_body = hp_status (*)(library&, void*);
  static hp_status run(plain_body body, void* data) noexcept;
  hp_status plan(patch_plan& plan,
                 std::span<const operation> operations) noexcept;
  struct step_before;
  hp_status plan(patch_plan& plan, const operation& step,
                 step_before& before) noexcept;
  hp_status plan_at(patch_plan& plan, const operation& step,
                    const located_site& where, step_before& before) noexcept;
  hp_status plan_apply(patch_plan& plan, const operation& step,
                       const located_site& where, step_before& before) noexcept;
  hp_status check_prototype(const operation& step, const located_site& where,
                            step_before& before) noexcept;

  process_sites sites_;
  patches patches_;
  kept_images kept_;
  loaded_patches loaded_;
};

}  // namespace hotpatch

#endif
