// What the library knows about the sites it has changed, by symbol address.
//
// Owns the states; a state stays where it is until its image is gone.  What is
// changed in the order of addresses lies in that order and is found in it
// without a search.  Used under the library's lock.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_SITE_TABLE_H
#define HOTPATCH_RUNTIME_SITE_TABLE_H

#include <cstddef>
#include <cstdint>

#include "runtime/base/array.h"
#include "runtime/model/replacement_stack.h"
#include "runtime/sites/process_sites.h"

namespace hotpatch {

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
  std::size_t recent_ = 0;  // find_next() looks behind it first
};

}  // namespace hotpatch

#endif
