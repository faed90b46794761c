// Sites of another process: writes that can be undone, the cells that far jumps
// go through, and the switch of many sites at one moment.
//
// From the thread that traces.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_SITE_SWITCH_H
#define HOTPATCH_OUTSIDE_SITE_SWITCH_H

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "outside/remote_call.h"
#include "outside/target_memory.h"
#include "processes/maps.h"
#include "runtime/sites/site.h"
#include "runtime/text/encode.h"

namespace hotpatch::outside {

// Writes to another process that can be undone.
//
// Owns the invariant that what was written in a change that fails is written
// back, the last write first.  A change is an order of writes that is harmless
// wherever it ends, and so is the way back: where that fails as well it stops,
// and the process is in one of the states that the change passes through.
//
// To be used while the process's threads stand.
class change_journal {
 public:
  explicit change_journal(target_memory& memory) : memory_(memory) {}
  change_journal(const change_journal&) = delete;
  change_journal& operator=(const change_journal&) = delete;

  // `old` is what is there, which the caller has just read; as many bytes.
  // Throws tool_error; then some of the bytes may be written.
  void write(std::uint64_t address, std::span<const std::uint8_t> old,
             std::span<const std::uint8_t> bytes);

  template <typename T>
  void store(std::uint64_t address, const T& old, const T& value)
  {
    write(address, {reinterpret_cast<const std::uint8_t*>(&old), sizeof old},
          {reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
  }

  // True: everything is as it was, read back.  Never throws.
  bool undo() noexcept;

  bool empty() const { return entries_.empty(); }

 private:
  struct entry {
    std::uint64_t address;
    std::vector<std::uint8_t> old;
  };

  bool put_back(const entry& which) noexcept;

  target_memory& memory_;
  std::vector<entry> entries_;
};

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
struct site_change {
  hotpatch::site where;  // with addresses of the process
  std::string name;
  std::uint64_t target = 0;  // the replacement, 0: the original

  // As found by read_sites().
  std::uint64_t word = 0;
  far_pad pad = {};
  word_form form = word_form::foreign;
  std::uint64_t active = 0;  // where calls go
  std::uint64_t cell = 0;    // 0: it has none yet

  std::uint64_t wanted() const
  {
    return target != 0 ? target : body_address(where);
  }
};

class site_switch {
 public:
  explicit site_switch(target_memory& memory) : memory_(memory) {}

  // Reads what the sites hold.  Throws tool_error for foreign bytes.
  void read_sites(std::span<site_change> changes) const;

  // The name of a site that is not as read_sites() found it; empty: all are.
  std::string changed_since(std::span<const site_change> changes) const;

  // True if the change cannot be made by one store of one word.
  static bool needs_cells(std::span<const site_change> changes);

  // With all threads standing, and the sites as read_sites() found them. Throws
  // tool_error if something fails; the caller undoes the journal then.
  void commit(std::span<const site_change> changes, change_journal& journal);

 private:
  site_content read_one(const site_change& change) const;
  void write_pads(std::span<const site_change> changes,
                  change_journal& journal);
  void store_cells(std::span<const site_change> changes,
                   std::uint64_t (*value)(const site_change&),
                   change_journal& journal);
  void verify(std::span<const site_change> changes) const;

  target_memory& memory_;
};

// The cells that far jumps go through: pages near the sites, which a borrowed
// thread maps.
//
// Owns the pages until a pad jumps through one of their cells: a change that
// comes to nothing gives them back.  A page has a mark in its last quadword,
// and in it a cell that holds 0 is free; so later changes, from whichever tool,
// go on with the same page, and sites that lie near each other change at one
// moment. From the thread that traces.

// The address of a free page that all of the sites reach, 0 if there is none.
// Pure: looks for a gap in a list of mappings.
std::uint64_t find_cell_page(const std::vector<process_mapping>& maps,
                             std::span<site_change* const> changes);

class cell_supply {
 public:
  explicit cell_supply(target_memory& memory) : memory_(memory) {}

  // Gives the sites the cells that were mapped for them before.  True: all have
  // what the change needs.  Throws tool_error if a site has no room for a far
  // jump.
  bool reuse(std::span<site_change> changes) const;

  // Those that have one keep it; none is given where one store of one word is
  // all that changes.  Throws tool_error if a site has no room for a far jump,
  // or the process no free memory near it.
  void give(borrowed_thread& thread, std::span<site_change> changes);

  // The cells are in use from now on.
  void keep() { mapped_.clear(); }

  // Unmaps what is not in use.
  bool any_to_drop() const { return !mapped_.empty(); }
  void drop(borrowed_thread& thread);

 private:
  struct free_cells {
    std::uint64_t page;
    std::vector<std::uint64_t> cells;
  };

  void find_free(const std::vector<process_mapping>& maps,
                 std::span<const site_change> changes);
  free_cells* find_room(std::span<site_change* const> near);
  free_cells* map_page(borrowed_thread& thread,
                       std::span<site_change* const> near);
  void give_near(borrowed_thread& thread, std::span<site_change*> near);

  target_memory& memory_;
  std::vector<free_cells> free_;  // those that the change has cells of first
  std::vector<std::uint64_t> mapped_;             // for this change
  std::map<std::uint64_t, std::uint64_t> cells_;  // by the sites' words
};

}  // namespace hotpatch::outside

#endif
