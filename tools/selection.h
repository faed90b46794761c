// Which sites are shown, and in which order.
//
// A selection holds row numbers of one listing; the listing itself stays as it
// was read.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TOOLS_SELECTION_H
#define HOTPATCH_TOOLS_SELECTION_H

#include <cstdint>
#include <vector>

#include "tools/list_options.h"
#include "tools/listing.h"

namespace hotpatch::tools {

using selection = std::vector<std::uint32_t>;

// The rows that match one of the globs (all, when there are none), ordered by
// the sort key; equal ones keep the order of the image.
selection select_rows(const listing& shown, const options& chosen);

// Do the options need names to be demangled before select_rows()?
bool needs_demangled(const options& chosen);

}  // namespace hotpatch::tools

#endif
