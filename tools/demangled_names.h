// The demangled names of a listing, computed once and by several threads.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TOOLS_DEMANGLED_NAMES_H
#define HOTPATCH_TOOLS_DEMANGLED_NAMES_H

#include "tools/listing.h"

namespace hotpatch::tools {

// Fills `demangled` of every row and alias whose name is mangled; what does
// not demangle stays empty.  The texts lie in listing.arenas.
void demangle_names(listing& shown);

}  // namespace hotpatch::tools

#endif
