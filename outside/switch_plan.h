// What is to change when one patch object is applied or reverted: which sites,
// where each is to lead, and which code no thread may be inside then.
//
// Made of a snapshot of the process (loaded_patches), changes nothing.  A
// site leads to the newest of the patches that are applied, or to its original;
// every patch applied later is newer.  From the thread that traces.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_SWITCH_PLAN_H
#define HOTPATCH_OUTSIDE_SWITCH_PLAN_H

#include <cstdint>
#include <vector>

#include "outside/inside_search.h"
#include "outside/loaded_patches.h"
#include "outside/site_switch.h"
#include "outside/target_memory.h"

namespace hotpatch::outside {

struct switch_plan {
  const loaded_patch* patch = nullptr;
  const loaded_patch* older = nullptr;  // of the same name, to be given up
  bool apply = true;                    // otherwise revert
  std::uint64_t sequence = 0;           // the patch's place among all
  std::vector<site_change> changes;     // by address
  // What else is not in effect any more, and has to be applied again by itself.
  std::vector<const loaded_patch*> lost;
  std::vector<occupied_code> code;
};

// Whether the sites of a patch object that is not loaded yet could change.
// Throws tool_error if one holds foreign bytes, or is not led by patch objects
// alone.
void check_sites(const loaded_patches& patches, target_memory& memory,
                 const checked_patch& checked);

// Fills in the changes and the code.  Throws tool_error if a site is not led by
// patch objects alone.
void make_plan(const loaded_patches& patches, target_memory& memory,
               switch_plan& plan);

}  // namespace hotpatch::outside

#endif
