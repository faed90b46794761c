// The Itanium C++ ABI mangling of C types, for the compiler that has none.
//
// A C function and a C++ function of the same type get the same text, so that
// one can be checked against the other.  Where C has types that C++ lacks the
// text is still valid for a demangler.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_MANGLE_C_H
#define HOTPATCH_PLUGIN_MANGLE_C_H

#include "plugin/gcc_compat.h"

namespace hotpatch {

std::string mangle_c_type(tree type);

}  // namespace hotpatch

#endif
