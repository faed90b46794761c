// The files that an object depends on because an option named them.
//
// make and ccache build an object again when a file changes that the compiler
// has read.  For lists of functions the compiler does not know that, so the
// plugin adds them: to the rule that -MD and its relatives write, and to the
// output of the preprocessor, of which ccache makes its key.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_DEPENDENCIES_H
#define HOTPATCH_PLUGIN_DEPENDENCIES_H

namespace hotpatch {

// Call from plugin_init, after the options are known.
void register_dependencies();

}  // namespace hotpatch

#endif
