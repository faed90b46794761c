// Makes a part of a patch object of a changed source: what is the same as in
// the running program becomes an import of it, what has changed a replacement.
//
// The plugin does so if hp-patch says so in the environment
// (plugin/unit_baseline.h), for sources that the baseline knows.  Before
// anything is inlined, each function and variable of the unit is compared with
// the baseline.  Whatever cannot be judged is an error of the compilation, with
// its place: a change that gets lost would be worse than a patch that is not
// made.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_AGAINST_H
#define HOTPATCH_PLUGIN_AGAINST_H

#include "plugin/gcc_compat.h"

namespace hotpatch {

// Call from plugin_init, after the options are known: finds out whether this is
// such a compilation.
void start_against();

// Whether it is.  The unit then is a part of a patch, and nothing gets a site.
bool is_against();

// Whether it is one of a source that no baseline knows.
bool is_all_new();

// Call from plugin_init after the other parts that listen to the beginning of
// the passes over the unit: GCC calls the last one first.
void register_against(const char* plugin_name);

}  // namespace hotpatch

#endif
