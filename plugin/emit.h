// Prints the dead bytes before a symbol and the record of a site, and lets the
// assembler check where the word lies.
//
// Hooks into the target: GCC asks it for the bytes in front of a symbol and
// tells it when a function's text is complete.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_EMIT_H
#define HOTPATCH_PLUGIN_EMIT_H

namespace hotpatch {

// To be called once, from plugin_init.  Functions without a site go to the
// hooks found there.
void install_emit_hooks(const char* plugin_name);

}  // namespace hotpatch

#endif
