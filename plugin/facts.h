// Gathers what a record says about a function and only the front end knows.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_FACTS_H
#define HOTPATCH_PLUGIN_FACTS_H

#include "plugin/attribute.h"

namespace hotpatch {

// To be called when the translation unit is complete.
site_facts gather_facts(tree decl);

}  // namespace hotpatch

#endif
