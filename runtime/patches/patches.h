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

#include <cstddef>
#include <cstdint>

#include "format/patch_word.h"
#include "runtime/base/array.h"
#include "runtime/commit/commit.h"
#include "runtime/include/hotpatch.h"
#include "runtime/model/replacement_stack.h"
#include "runtime/patches/named_patch.h"
#include "runtime/sites/process_sites.h"
#include "runtime/text/junction.h"
#include "runtime/text/near_memory.h"
#include "runtime/text/text_writer.h"

namespace hotpatch {

// What the library knows about the sites it has changed, by symbol address.
//
// Owns the states; a state stays where it is until its image is gone.  What is
// changed in the order of addresses lies in that order and is found in it
// without a search.  Used under the library's lock.
struct site_state {
  site_code site;
  std::uint64_t image_id = 0;
  std::uint64_t word = 0;  // what hotpatch last put there, or found pristine
  std::uint64_t cell = 0;  // the site's own for the image's lifetime; 0: none
  std::uint64_t cell_target = 0;   // what the cell holds
  replacement_stack replacements;  // the last one is active
  replacement_stack planned;       // what they are to become, if planned_for
  bool planned_for = false;        // a transaction under way changes this site
  std::uint32_t position = 0;      // among all states
  site_state* next = nullptr;      // of the same bucket

  std::uint64_t active() const noexcept { return replacements.active(); }
  // Active when the transaction under way is done.
  std::uint64_t coming() const noexcept { return becoming().active(); }
  // The stack as the transaction under way leaves it so far.
  const replacement_stack& becoming() const noexcept
  {
    return planned_for ? planned : replacements;
  }
};

class site_table {
 public:
  constexpr site_table() noexcept = default;
  site_table(const site_table&) = delete;
  site_table& operator=(const site_table&) = delete;
  ~site_table();

  // The state of the site at `symbol`, null if it was never changed.
  site_state* find(std::uint64_t symbol) const noexcept
  {
    return symbol < lowest_ || symbol > highest_ ? nullptr : look_up(symbol);
  }

  // The same for one of many sites, which mostly follow each other.
  site_state* find_next(std::uint64_t symbol) noexcept
  {
    const std::size_t expected = recent_ + 1;
    if (expected < states_.size() && states_[expected]->site.symbol == symbol) {
      recent_ = expected;
      return states_[expected];
    }
    return find_from_start(symbol);
  }

  // So that one more can be made; false: no memory.
  [[nodiscard]] bool make_room() noexcept
  {
    return (!full() || grow()) && (free_ != nullptr || add_slab());
  }
  // How many states there may be until the table grows again.
  std::size_t room() const noexcept { return buckets_.size(); }

  // A fresh state for a site that has none; there is room.
  site_state* make(const located_site& where) noexcept;

  // Takes out one state for which `gone` holds, for the caller to clean up and
  // destroy(); null if there is none.
  template <typename Predicate>
  site_state* take_if(Predicate gone) noexcept
  {
    for (std::size_t i = states_.size(); i-- > 0;)
      if (gone(*states_[i]))
        return take(i);
    return nullptr;
  }
  void destroy(site_state* state) noexcept;

  // Mostly in the order in which they were made, which is mostly that of their
  // addresses.
  template <typename Visit>
  void for_each(Visit visit) noexcept
  {
    for (site_state* state : states_)
      visit(*state);
  }

  std::size_t size() const noexcept { return states_.size(); }

  // True if the table has to grow for the next one: a moment to clean up.
  bool full() const noexcept { return states_.size() >= buckets_.size(); }

 private:
  struct free_place {
    free_place* next;
  };

  site_state* look_up(std::uint64_t symbol) const noexcept;
  site_state* find_from_start(std::uint64_t symbol) noexcept;
  std::size_t bucket_of(std::uint64_t symbol) const noexcept;
  bool grow() noexcept;
  bool add_slab() noexcept;
  site_state* take(std::size_t position) noexcept;

  array<site_state*> buckets_;  // a power of two, or none yet
  array<site_state*> states_;   // with room for as many as there are buckets
  array<void*> slabs_;          // the memory that they lie in
  free_place* free_ = nullptr;  // in them
  std::uint64_t lowest_ = UINT64_MAX;  // of all symbols there ever were
  std::uint64_t highest_ = 0;
  std::size_t recent_ = 0;  // find_next() looks after it first
};

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
    const std::uint64_t pristine = pristine_word(site);
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
