// Whether the plugin may work in the compiler that has loaded it.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_ADMISSION_H
#define HOTPATCH_PLUGIN_ADMISSION_H

struct plugin_gcc_version;

namespace hotpatch {

// On false an error has been printed: another GCC, or a second hotpatch.
bool admitted_to(const plugin_gcc_version& compiler);

}  // namespace hotpatch

#endif
