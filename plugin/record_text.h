// The assembly text of one record, field by field as in format/record.h.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_RECORD_TEXT_H
#define HOTPATCH_PLUGIN_RECORD_TEXT_H

#include "plugin/section_text.h"
#include "plugin/site.h"

#include "format/record.h"

namespace hotpatch {

// Writes the record of the site under the name of `decl`, which is its function
// or an alias of that.
void write_record(section_text& out, const site& of, tree decl,
                  std::uint32_t extra_flags);

}  // namespace hotpatch

#endif
