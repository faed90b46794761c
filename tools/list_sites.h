// What hp-list does with its options: reads, selects, shows, and sums up in an
// exit status.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TOOLS_LIST_SITES_H
#define HOTPATCH_TOOLS_LIST_SITES_H

#include "tools/options.h"
#include "tools/output.h"

namespace hotpatch::tools {

// Writes the listing to `descriptor` and problems to the standard error.
// Throws output_error.
exit_status list_sites(const options& chosen, int descriptor);

}  // namespace hotpatch::tools

#endif
