// The cells that far jumps go through: pages near the sites, which a borrowed
// thread maps.
//
// Owns the pages until a pad jumps through one of their cells: a change that
// comes to nothing gives them back.  A page has a mark in its last quadword,
// and in it a cell that holds 0 is free; so later changes, from whichever tool,
// go on with the same page, and sites that lie near each other change at one
// moment. From the thread that traces.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_CELL_SUPPLY_H
#define HOTPATCH_OUTSIDE_CELL_SUPPLY_H

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "outside/borrowed_thread.h"
#include "outside/site_switch.h"
#include "outside/target_memory.h"
#include "processes/maps.h"

namespace hotpatch::outside {

// The address of a free page that all of the sites reach, 0 if there is none.
// Pure: looks for a gap in a list of mappings.
std::uint64_t find_cell_page(const std::vector<process_mapping>& maps,
                             std::span<site_change* const> changes);

class cell_supply {
 public:
  explicit cell_supply(target_memory& memory) : memory_(memory) {}

  // Gives the sites the cells that were mapped for them before.  True: all have
  // what the change needs.  Throws trouble if a site has no room for a far
  // jump.
  bool reuse(std::span<site_change> changes) const;

  // Those that have one keep it; none is given where one store of one word is
  // all that changes.  Throws trouble if a site has no room for a far jump, or
  // the process no free memory near it.
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
