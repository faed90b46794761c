// Keeps GCC from optimising callers by what it sees in a body that will be
// replaced.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_SAFETY_H
#define HOTPATCH_PLUGIN_SAFETY_H

#include "plugin/gcc_compat.h"

namespace hotpatch {

// Callers keep their exception handlers around calls of `decl`.  To be called
// when its body has been parsed and before any caller's is.
void assume_it_throws(tree decl);

// The user promised that `decl` does not throw: callers have no handlers.
bool promised_nothrow(tree decl);

// No caller learns anything from the body of `decl`.
void hide_body(tree decl);

}  // namespace hotpatch

#endif
