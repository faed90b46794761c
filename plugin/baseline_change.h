// How a patch changes the baseline of a unit: what is written into the patch
// object, so that a later patch can be made on top of it.
//
// hp-patch merges the change with the baseline that the unit was compared with
// (format/README.md, "The baseline").  A later patch takes from the program
// what the merged baseline says has code there; so code and data of which the
// program has an older version stay without that flag, and the later patch gets
// its own.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_BASELINE_CHANGE_H
#define HOTPATCH_PLUGIN_BASELINE_CHANGE_H

#include "plugin/baseline.h"

namespace hotpatch {

// A function that the patch replaces or adds; `flags` are format::function_...
// with those that say what the program and its patches then have.
void note_changed_function(tree decl, const std::string& flags);

// A variable of which the patch has one of its own.  `is_shared`: the program
// has none, so that a later patch uses this one, if code is made of it.
void note_changed_variable(const unit_variable& variable, bool is_shared);

// The types that the functions now use.
void note_types();

// No patch can be made on top of this one, because what is declared, `reason`:
// its name would lead to the program's.
void note_last_patch(tree decl, const char* reason);

// Writes all that was noted into the assembly, as a change of the baseline
// whose text has the hash.  Call when the unit is complete.
void print_baseline_change(std::uint64_t baseline);

}  // namespace hotpatch

#endif
