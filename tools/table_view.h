// The table: one line per site, columns wide enough for what is in them.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TOOLS_TABLE_VIEW_H
#define HOTPATCH_TOOLS_TABLE_VIEW_H

#include "tools/colours.h"
#include "tools/listing.h"
#include "tools/output.h"
#include "tools/selection.h"

namespace hotpatch::tools {

struct table_style {
  bool demangle = false;  // demangled names instead of assembler names
  const colours& paint;
};

void show_table(const listing& shown, const selection& rows,
                const table_style& style, output& out);

}  // namespace hotpatch::tools

#endif
