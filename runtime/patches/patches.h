// What each site is replaced by, and which named patches are applied.
//
// Owns the invariant that a site's word in memory is what its stack of
// replacements says, and that a replacement belongs to an applied patch or to
// none: a patch_plan changes all of it together or not at all.  Used under the
// library's lock, while no image can be unloaded.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_PATCHES_H
#define HOTPATCH_RUNTIME_PATCHES_H

#include <cstdint>

#include "format/patch_word.h"
#include "runtime/base/array.h"
#include "runtime/commit/commit.h"
#include "runtime/include/hotpatch.h"
#include "runtime/patches/named_patch.h"
#include "runtime/patches/site_table.h"
#include "runtime/sites/process_sites.h"
#include "runtime/text/junction.h"
#include "runtime/text/near_memory.h"
#include "runtime/text/text_writer.h"

namespace hotpatch {

class patches {
  static constexpr std::uint64_t no_image = 0;  // images count from 1

 public:
  constexpr explicit patches(const process_sites& sites) noexcept
      : sites_(sites)
  {
  }

  // Null: the site has no replacement.
  const site_state* find(const located_site& where) const noexcept;

  // Those that are applied, the oldest first.
  const patch_list& named() const noexcept { return named_; }

  // Whether all that it replaces is there: no image was unloaded since.  What
  // the sites hold decides, not what was once done.
  bool in_effect(const named_patch& patch) noexcept;

  // Calls `visit(site_state&)` for each site of a loaded image that was ever
  // changed, in no particular order.
  template <typename Visit>
  void for_each(Visit visit) noexcept
  {
    std::uint64_t loaded = no_image;  // the last one that was seen to be
    table_.for_each([&](site_state& state) {
      if (state.image_id != loaded && !sites_.loaded(state.image_id))
        return;
      loaded = state.image_id;
      if (!outlived(state, state.image_id, state.site))
        visit(state);
    });
  }

  text_writer& writer() noexcept { return writer_; }

  // Through which a call may be on its way to what a site has led to.
  const junctions& all_junctions() const noexcept { return junctions_; }
  junctions& all_junctions() noexcept { return junctions_; }

 private:
  friend class patch_plan;

  // The state is of an image that was unloaded since.  Where the same image was
  // loaded again at the same place, its id may be the same, but its text is
  // fresh.
  static bool outlived(const site_state& state, std::uint64_t image_id,
                       const site_code& site) noexcept
  {
    const std::uint64_t pristine = format::pristine_word(site.id);
    return state.image_id != image_id ||
           (state.word != pristine && load_word(site.word) == pristine);
  }
  // The site's state, made when it is first changed; null: no memory.
  site_state* state_of(const located_site& where) noexcept
  {
    site_state* const known = table_.find_next(where.site.symbol);
    return known != nullptr && !outlived(*known, where.image_id, where.site)
               ? known
               : make_state(where, known);
  }
  site_state* make_state(const located_site& where,
                         site_state* outlived) noexcept;
  bool make_room() noexcept;
  void forget(site_state* state) noexcept;
  void forget_unloaded() noexcept;

  const process_sites& sites_;
  site_table table_;
  owned_patches named_;
  near_memory cells_;
  junctions junctions_;
  text_writer writer_;
  // What a plan is written down in, with room for every state.  Kept between
  // plans: otherwise the kernel is asked again and again for pages, each of
  // which it has to clear.
  array<site_state*> planned_;
  array<change> changes_;
};

}  // namespace hotpatch

#endif
