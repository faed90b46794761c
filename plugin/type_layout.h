// A fingerprint of the layout of all types that a prototype leads to, and
// their description for tools.
//
// Two programs whose fingerprints of a function agree have the same members at
// the same places in everything that the function can reach through its
// parameters.  Nothing goes in that depends on the translation unit, the level
// of optimisation, the release of GCC, or typedefs; and nothing that C and C++
// do differently without need.  format/README.md shows the text.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_TYPE_LAYOUT_H
#define HOTPATCH_PLUGIN_TYPE_LAYOUT_H

#include "plugin/gcc_compat.h"

namespace hotpatch {

// The fingerprint of the type of a function or variable, never 0.  What it
// stands for is printed by print_type_layouts.  To be asked while the front
// end's types are whole.
std::uint64_t layout_hash_of(tree type);

// To be called when the C front end has parsed a type: enumerators of
// enumerations without a name are constants that everything declared in their
// file may use.
void note_enumeration(tree type);

// Whether a variable of this type leads to a structure, union or enumeration
// without a name, which is described in place.
bool is_of_unnamed_type(tree type);

// What the types with names look like that these and their members lead to, but
// for those of system headers and enumerations.
struct named_layout {
  std::string name;  // mangled, without spaces
  std::uint64_t hash;
  location_t place;
};
std::vector<named_layout> layouts_of(const std::vector<tree>& types);

// Writes the descriptions of this translation unit to the assembly, or hands
// them on to the link-time compiler.  Call once.
void print_type_layouts();

}  // namespace hotpatch

#endif
