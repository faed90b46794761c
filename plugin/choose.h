// Which functions get a site, and why.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_CHOOSE_H
#define HOTPATCH_PLUGIN_CHOOSE_H

#include "plugin/gcc_compat.h"

namespace hotpatch {

// Ordered: a later reason is a stronger wish of the user.
enum class choice {
  none,
  everything,  // by -all
  pattern,     // by a pattern with wildcards, or of files, not by name
  name,        // by its name
  attribute,
};

// "chosen by its attribute", "not chosen: it is in a system header", ...
std::string explain_choice(tree decl);

// Warns of patterns that have matched no function, if that is asked for.
void warn_of_unmatched_patterns();

// To be asked about function definitions.
choice choose(tree decl);

// The same while the translation unit is still being parsed.  Where the name
// of a function is not settled yet (lambdas, local and unnamed classes), a
// pattern may match later: then this says `name` in doubt.
choice choose_early(tree decl);

}  // namespace hotpatch

#endif
