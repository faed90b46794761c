// The records of a patch object: what it replaces, uses and defines.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_PATCH_RECORDS_H
#define HOTPATCH_PLUGIN_PATCH_RECORDS_H

#include "format/patch_record.h"
#include "plugin/gcc_compat.h"
#include "plugin/records.h"

namespace hotpatch {

// --- Patch part -------------------------------------------------------------
// The functions of a patch object that the runtime calls or jumps to:
// replacements and hooks; and the statement about the patch itself.

// To be called when a body has been parsed: GCC must not drop it.
void keep_patch_part(tree decl);

// To be called with every definition when the unit is complete: what is known
// of it now and wanted when its code is printed is attached to it.
void take_patch_part(tree decl);

// To be called after the code of every function.
void print_patch_records(tree decl);

// What was said of the patch as a whole.  To be called once.
void print_patch_statement();

// The section, and the first fields of a record.
// In the COMDAT group `group`, if it is not "".
void begin_patch_record(section_text& out, format::patch_kind kind,
                        std::size_t size, const std::string& group = "");

// --- Patch imports ----------------------------------------------------------
// What a patch object uses of the program and the dynamic linker need not know:
// variables and functions that are not exported, or static.
//
// Owns the rule that such a symbol is weak in the object, so that loading it
// succeeds, and has an import record, so that the runtime fills it in or
// refuses the patch with its name.

// Marks and describes the imports of this unit, if it is part of a patch
// object.  To be called once, when the unit is complete.
void declare_imports();

// What the code that is made of this unit leads to, if that is compared with
// its baseline and mostly consists of declarations.
std::set<symtab_node*> reached_from_code();

// Makes marked symbols weak at the end of the assembly.
void register_patch_imports(const char* plugin_name);

// --- Patch definitions ------------------------------------------------------
// What a patch object defines itself: its functions win inside it, and copies
// of the program's variables are warned of.
//
// Owns the rule that a call or address of a function that the patch defines
// means that function, whatever the program exports.  What the patch and the
// program share is data: inline and static variables of headers, virtual tables
// and type descriptions keep their visibility, and the runtime makes one of
// them (runtime/objects/own_definitions.h).

// To be called once, when the unit is complete; does nothing if the unit is no
// part of a patch object.
void bind_own_functions();

// Warns of variables that look like the program's own and are new ones.
void warn_of_copies();

}  // namespace hotpatch

#endif
