// What each site is replaced by, and the way from one replacement to the next.
//
// Owns the invariant that a site's word in memory is what its stack of
// replacements says: the two change together or not at all.  Used under the
// library's lock, while no image can be unloaded.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_PATCHES_H
#define HOTPATCH_RUNTIME_PATCHES_H

#include <cstdint>

#include "runtime/include/hotpatch.h"
#include "runtime/near_memory.h"
#include "runtime/process_sites.h"
#include "runtime/site_table.h"
#include "runtime/text_writer.h"

namespace hotpatch {

class patches {
 public:
  constexpr explicit patches(const process_sites& sites) noexcept
      : sites_(sites)
  {
  }

  // Puts `target`, the address of a function, on top of the site's stack.
  // `added` becomes true if it was not in the stack before.
  [[nodiscard]] hp_status apply(const located_site& where, std::uint64_t target,
                                bool& added) noexcept;

  // Takes the newest replacement away.
  [[nodiscard]] hp_status revert(const located_site& where) noexcept;

  // Takes `target` away, wherever in the stack it is.
  [[nodiscard]] hp_status remove(const located_site& where,
                                 std::uint64_t target) noexcept;

  // Null: the site has no replacement.
  const site_state* find(const located_site& where) const noexcept;

  text_writer& writer() noexcept { return writer_; }

 private:
  site_state* state_of(const located_site& where) noexcept;
  static bool outlived(const site_state& state,
                       const located_site& where) noexcept;
  void forget(site_state* state) noexcept;
  void forget_unloaded() noexcept;
  hp_status refuse_loop(const site_state& state, std::uint64_t target) noexcept;
  hp_status switch_to(site_state& state, std::uint64_t target) noexcept;
  hp_status take_out(site_state& state, std::size_t index) noexcept;

  const process_sites& sites_;
  site_table table_;
  near_memory cells_;
  text_writer writer_;
};

}  // namespace hotpatch

#endif
