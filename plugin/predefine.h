// The macro by which a source file learns that the plugin is loaded.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_PREDEFINE_H
#define HOTPATCH_PLUGIN_PREDEFINE_H

namespace hotpatch {

// Defines __HOTPATCH__ as 1.  Call at PLUGIN_ATTRIBUTES: the preprocessor is
// set up then, and has read nothing.
void predefine_macro();

}  // namespace hotpatch

#endif
