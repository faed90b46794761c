// The assembly text of one record, field by field as in format/record.h.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_RECORD_TEXT_H
#define HOTPATCH_PLUGIN_RECORD_TEXT_H

#include "plugin/site.h"

#include "format/record.h"

namespace hotpatch {

// Prints the record of the site under the name of `decl`, which is its
// function or an alias of that, into the current section, which is known by the
// number of its first site, `leader`.
void print_record(const site& of, tree decl, std::uint32_t extra_flags,
                  unsigned leader);

}  // namespace hotpatch

#endif
