// What the library knows about the sites it has changed, by symbol address.
//
// Owns the states; a state stays where it is until its image is gone.  Used
// under the library's lock.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_SITE_TABLE_H
#define HOTPATCH_RUNTIME_SITE_TABLE_H

#include <cstddef>
#include <cstdint>

#include "runtime/base/array.h"
#include "runtime/patches/named_patch.h"
#include "runtime/sites/process_sites.h"

namespace hotpatch {

// One entry of a site's stack.
struct replacement {
  std::uint64_t target = 0;
  std::uint64_t patch = no_patch;  // the id of the named patch it belongs to
};

struct site_state {
  hotpatch::site site;
  std::uint64_t image_id = 0;
  std::uint64_t word = 0;  // what hotpatch last put there, or found pristine
  std::uint64_t cell = 0;  // the site's own for the image's lifetime; 0: none
  std::uint64_t cell_target = 0;    // what the cell holds
  array<replacement> replacements;  // the last one is active
  array<replacement> planned;       // what they are to become, if planned_for
  bool planned_for = false;         // a transaction under way changes this site
  site_state* next = nullptr;

  std::uint64_t active() const noexcept { return last(replacements); }
  // Active when the transaction under way is done.
  std::uint64_t coming() const noexcept { return last(becoming()); }
  // The stack as the transaction under way leaves it so far.
  const array<replacement>& becoming() const noexcept
  {
    return planned_for ? planned : replacements;
  }

 private:
  static std::uint64_t last(const array<replacement>& stack) noexcept
  {
    return stack.empty() ? 0 : stack[stack.size() - 1].target;
  }
};

class site_table {
 public:
  constexpr site_table() noexcept = default;
  site_table(const site_table&) = delete;
  site_table& operator=(const site_table&) = delete;
  ~site_table();

  // The state of the site at `symbol`, null if it was never changed.
  site_state* find(std::uint64_t symbol) const noexcept;

  // A fresh state for a site that has none; null: no memory.
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
  static void destroy(site_state* state) noexcept;

  // Mostly in the order in which they were made, which is mostly that of their
  // addresses.
  template <typename Visit>
  void for_each(Visit visit) noexcept
  {
    for (site_state* state : states_)
      visit(*state);
  }

  std::size_t size() const noexcept { return states_.size(); }

  // True if the next make() has to grow the table: a moment to clean up.
  bool full() const noexcept { return states_.size() >= buckets_.size(); }

 private:
  std::size_t bucket_of(std::uint64_t symbol) const noexcept;
  bool grow() noexcept;
  site_state* take(std::size_t position) noexcept;

  array<site_state*> buckets_;  // a power of two, or none yet
  array<site_state*> states_;   // with room for as many as there are buckets
};

}  // namespace hotpatch

#endif
