// The table that says which source file each variable and function of the unit
// was defined in (format/definition.h).
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_DEFINITIONS_H
#define HOTPATCH_PLUGIN_DEFINITIONS_H

namespace hotpatch {

// Notes what only the front end knows of the unit's variables.  To be called
// once, when the unit is complete and before print_type_layouts().
void note_definitions();

// Writes the table when code has been generated.
void register_definitions(const char* plugin_name);

}  // namespace hotpatch

#endif
