// Lets the assembler refuse a patch word that is not where the layout says.
//
// The whole unit is checked in one condition: a condition for each function
// would be a large part of what records cost the assembler.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_ALIGNMENT_CHECK_H
#define HOTPATCH_PLUGIN_ALIGNMENT_CHECK_H

#include "plugin/site.h"

namespace hotpatch {

// Call for each site whose labels are printed.
void check_alignment(const site& of);

// Call from plugin_init.
void register_alignment_check(const char* plugin_name);

}  // namespace hotpatch

#endif
