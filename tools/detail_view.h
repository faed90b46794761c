// The long form: everything a record says, a paragraph per site.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TOOLS_DETAIL_VIEW_H
#define HOTPATCH_TOOLS_DETAIL_VIEW_H

#include "tools/colours.h"
#include "tools/listing.h"
#include "tools/output.h"
#include "tools/selection.h"

namespace hotpatch::tools {

void show_detail(const listing& shown, const selection& rows,
                 const colours& paint, output& out);

}  // namespace hotpatch::tools

#endif
