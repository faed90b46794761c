// Inlining allowed (-fplugin-arg-hotpatch-inline): chosen functions may be
// inlined within their unit, and nothing else about them gets known.
//
// Without the option a chosen function is `noipa` from the start.  With it, one
// that was chosen by a pattern or by -all becomes so when GCC has decided what
// it inlines: no pass before that moment may tell callers anything about the
// body, or the body anything about its callers, and none after it can.  What is
// between source and that moment is switched off, for the unit where GCC has an
// option for it, else for the chosen functions.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_INLINING_H
#define HOTPATCH_PLUGIN_INLINING_H

#include "plugin/gcc_compat.h"

namespace hotpatch {

// Call from plugin_init, after the options are known.
void register_inlining(const char* plugin_name);

// Call for a chosen function that may be inlined, before the first pass over
// the unit.
void allow_inlining(tree decl);

// Call for a thunk, which adjusts an object's address and has no site, once the
// functions were given to allow_inlining(): it jumps to its function, with no
// copy of it.
void keep_thunk(cgraph_node* thunk);

}  // namespace hotpatch

#endif
