// What a patch object uses of the program and the dynamic linker need not know:
// variables and functions that are not exported, or static.
//
// Owns the rule that such a symbol is weak in the object, so that loading it
// succeeds, and has an import record, so that the runtime fills it in or
// refuses the patch with its name.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_PATCH_IMPORTS_H
#define HOTPATCH_PLUGIN_PATCH_IMPORTS_H

namespace hotpatch {

// Marks and describes the imports of this unit, if it is part of a patch
// object.  To be called once, when the unit is complete.
void declare_imports();

// Makes marked symbols weak at the end of the assembly.
void register_patch_imports(const char* plugin_name);

}  // namespace hotpatch

#endif
