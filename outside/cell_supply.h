// Gives sites the cells that their far jumps go through, in pages that a
// borrowed thread maps near them.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_CELL_SUPPLY_H
#define HOTPATCH_OUTSIDE_CELL_SUPPLY_H

#include <span>

#include "outside/borrowed_thread.h"
#include "outside/site_switch.h"

namespace hotpatch::outside {

// Those that have one keep it; none is given where one store of one word is all
// that changes.  Throws trouble if a site has no room for a far jump, or the
// process no free memory near it.
void supply_cells(borrowed_thread& thread, std::span<site_change> changes);

}  // namespace hotpatch::outside

#endif
