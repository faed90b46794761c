// What happens to chosen functions while a translation unit is compiled from
// source: they are made safe, checked, and marked for code generation.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_FRONT_END_H
#define HOTPATCH_PLUGIN_FRONT_END_H

namespace hotpatch {

void register_front_end(const char* plugin_name);

}  // namespace hotpatch

#endif
