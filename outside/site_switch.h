// Many sites of another process, switched at one moment.
//
// Owns three invariants.  All or none: if this process is killed at any time,
// the sites lead all where they led before, or all where they shall lead.  What
// fails is undone (change_journal).  And nothing foreign is overwritten.
//
// One site that a direct jump serves changes by one store of its word.  For
// several, each gets the far form first, through a cell that leads where the
// site leads already (to its original body, if it is not patched), which
// changes nothing, however far one comes with it.  Then all cells, side by side
// in one page, are written by one call, which the kernel does not do in parts.
// In the end sites that lead to their original get their pristine word back,
// which again changes nothing.  Sites too far apart for one page of cells, as
// in a program and a shared library, are the exception: they change page by
// page, one call directly after the other, and only a death between two of
// these calls leaves a mixture, which the next hp-apply or hp-revert ends.
//
// Pads that have jumped through a cell stay for the life of the process, and so
// does the cell.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_SITE_SWITCH_H
#define HOTPATCH_OUTSIDE_SITE_SWITCH_H

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "outside/change_journal.h"
#include "outside/target_memory.h"
#include "runtime/sites/site.h"
#include "runtime/text/encode.h"

namespace hotpatch::outside {

struct site_change {
  hotpatch::site where;  // with addresses of the process
  std::string name;
  std::uint64_t target = 0;  // the replacement, 0: the original

  // As found by look().
  std::uint64_t word = 0;
  far_pad pad = {};
  decoded_word form = {};
  std::uint64_t active = 0;  // where calls go
  std::uint64_t cell = 0;    // 0: it has none yet

  // The first instruction after the patch word.
  std::uint64_t body() const { return where.word + 8; }
  std::uint64_t wanted() const { return target != 0 ? target : body(); }
};

class site_switch {
 public:
  explicit site_switch(target_memory& memory) : memory_(memory) {}

  // Reads what the sites hold.  Throws trouble for foreign bytes.
  void look(std::span<site_change> changes) const;

  // The name of a site that is not as look() found it; empty: all are.
  std::string changed_since(std::span<const site_change> changes) const;

  // True if the change cannot be made by one store of one word.
  static bool needs_cells(std::span<const site_change> changes);

  // With all threads standing, and the sites as look() found them.  Throws
  // trouble if something fails; the caller undoes the journal then.
  void commit(std::span<const site_change> changes, change_journal& journal);

 private:
  void write_pads(std::span<const site_change> changes,
                  change_journal& journal);
  void store_cells(std::span<const site_change> changes,
                   std::uint64_t (*value)(const site_change&),
                   change_journal& journal);
  void verify(std::span<const site_change> changes) const;

  target_memory& memory_;
};

}  // namespace hotpatch::outside

#endif
