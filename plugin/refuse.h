// Says, at the declaration, why a chosen function cannot have a site, and what
// a site cannot do for a function that gets one.
//
// A function chosen in the source that gets no site is an error, one chosen by
// a pattern a warning.  With -all, where it was not named, -verbose tells; so
// it does for a pattern with wildcards that matches what exists only as copies
// in its callers: in every larger program there are many of those.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_REFUSE_H
#define HOTPATCH_PLUGIN_REFUSE_H

#include "plugin/choose.h"

namespace hotpatch {

// Whether `decl` can have a site.  Tells the user if not, once per function.
bool can_have_site(tree decl, choice reason);

// Why a function gets none, however it was chosen; null if it can have one.
const char* reason_against(tree decl);

// The same for functions that the compiler never hands over as definitions.
void refuse_ifunc(tree decl, choice reason);
void refuse_alias(tree decl, choice reason);

// The same for a declaration in the source that no definition can follow.
void refuse_bodiless(tree decl);

// `decl` gets a site; tells what calls it will not reach.
void warn_of_limits(tree decl, choice reason);

// Code for this target cannot have sites: says so once, and true.
bool refuse_target();

}  // namespace hotpatch

#endif
