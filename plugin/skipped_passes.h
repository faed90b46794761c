// Passes of GCC that chosen functions are spared.
//
// GCC asks its plugins before each of its passes, some hundred times for each
// function, and each answer costs time.  So this listens only once there is a
// chosen function that is optimised: no pass named here runs without.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_SKIPPED_PASSES_H
#define HOTPATCH_PLUGIN_SKIPPED_PASSES_H

#include "plugin/gcc_compat.h"

namespace hotpatch {

// Call from plugin_init, with the name of a pass that optimises.
void skip_for_chosen(const char* pass);

// Call from plugin_init.
void register_skipped_passes(const char* plugin_name);

// Call for each chosen function, before its first pass.
void skip_passes_of(tree decl);

}  // namespace hotpatch

#endif
