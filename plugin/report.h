// The report for people: what became of each function of a translation unit.
//
// Lines are appended to the file of the option `report` in one piece, so that
// compilers running side by side can share it.  Without the option nothing here
// does anything.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_REPORT_H
#define HOTPATCH_PLUGIN_REPORT_H

#include "plugin/gcc_compat.h"

namespace hotpatch {

// Call from plugin_init, after the options are known.
void register_report(const char* plugin_name);

// `decl` is defined here and its names are final.  Before any inlining.
void report_function(tree decl);

}  // namespace hotpatch

#endif
