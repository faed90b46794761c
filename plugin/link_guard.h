// Makes a link-time compilation without the plugin fail instead of silently
// leaving the sites out.
//
// An object of -flto -c is compiled to code by the linker's compiler, which
// knows the plugin only if the user names it there again.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_LINK_GUARD_H
#define HOTPATCH_PLUGIN_LINK_GUARD_H

namespace hotpatch {

// Leaves a check for the link-time compilation in this translation unit, if
// there will be one.
void guard_link();

// Satisfies the check in every assembly file that is made with the plugin.
void register_link_guard(const char* plugin_name);

}  // namespace hotpatch

#endif
