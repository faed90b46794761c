// The type of a function in Itanium mangling, the same for C and C++.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_PROTOTYPE_H
#define HOTPATCH_PLUGIN_PROTOTYPE_H

#include "plugin/gcc_compat.h"

namespace hotpatch {

// --- Prototype --------------------------------------------------------------
// The type of a function in Itanium mangling, the same for C and C++.

// A fresh type without what does not matter to callers' code: exception
// specification, attributes, and whether it is a method.
tree plain_type_of(tree decl);

// "FiP4connmE": no exception specification; a method is a function whose first
// parameter is `this`.  "" in other languages.
std::string mangled_type_of(tree decl);

// --- Mangle c ---------------------------------------------------------------
// The Itanium C++ ABI mangling of C types, for the compiler that has none.
//
// A C function and a C++ function of the same type get the same text, so that
// one can be checked against the other.  Where C has types that C++ lacks the
// text is still valid for a demangler.

std::string mangle_c_type(tree type);

}  // namespace hotpatch

#endif
