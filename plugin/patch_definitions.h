// What a patch object defines itself: its functions win inside it, and copies
// of the program's variables are warned of.
//
// Owns the rule that a call or address of a function that the patch defines
// means that function, whatever the program exports.  What the patch and the
// program share is data: inline and static variables of headers, virtual tables
// and type descriptions keep their visibility, and the runtime makes one of
// them (runtime/objects/shared_data.h).
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_PATCH_DEFINITIONS_H
#define HOTPATCH_PLUGIN_PATCH_DEFINITIONS_H

namespace hotpatch {

// To be called once, when the unit is complete; does nothing if the unit is no
// part of a patch object.
void bind_own_functions();

// Warns of variables that look like the program's own and are new ones.
void warn_of_copies();

}  // namespace hotpatch

#endif
