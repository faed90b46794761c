// The functions of a patch object that the runtime calls or jumps to:
// replacements and hooks; and the statement about the patch itself.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_PATCH_PART_H
#define HOTPATCH_PLUGIN_PATCH_PART_H

#include "plugin/gcc_compat.h"
#include "plugin/section_text.h"

#include "format/patch_record.h"

namespace hotpatch {

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
void begin_patch_record(section_text& out, format::patch_kind kind,
                        std::size_t size);

}  // namespace hotpatch

#endif
