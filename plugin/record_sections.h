// The records of all sites of a unit, from one function to the next.
//
// All records of one text section lie in one section, which is written when the
// unit is complete: the assembler then changes sections once, and not for each
// function.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_RECORD_SECTIONS_H
#define HOTPATCH_PLUGIN_RECORD_SECTIONS_H

#include "plugin/section_text.h"

namespace hotpatch {

// Where the records of a site are written to: that of its function, and of each
// alias.  `leader` is the number of the first site in its text section, and
// `group` that section's COMDAT group, if any.
section_text& records_of(unsigned leader, const std::string& group);

// The label at the beginning of the records.
std::string records_label(unsigned leader);

void register_record_sections(const char* plugin_name);

}  // namespace hotpatch

#endif
