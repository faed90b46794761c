// Where a page of cells may lie, so that the far jumps of given sites reach it.
//
// Pure: looks for a gap in a list of mappings.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_CELL_PAGE_H
#define HOTPATCH_OUTSIDE_CELL_PAGE_H

#include <cstdint>
#include <span>
#include <vector>

#include "outside/site_switch.h"
#include "processes/maps.h"

namespace hotpatch::outside {

inline constexpr std::uint64_t cell_page_size = 4096;

// The address of a free page that all of the sites reach, 0 if there is none.
std::uint64_t find_cell_page(const std::vector<process_mapping>& maps,
                             std::span<site_change* const> changes);

}  // namespace hotpatch::outside

#endif
