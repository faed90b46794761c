// hp-list --unprepared: the functions of files and processes that have no site,
// each with the way in which it can be replaced all the same, or the reason why
// it cannot.
//
// Needs libhotpatch-unprepared, which is loaded when the first file is looked
// at.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TOOLS_LIST_UNPREPARED_H
#define HOTPATCH_TOOLS_LIST_UNPREPARED_H

#include "tools/selection.h"

namespace hotpatch::tools {

// Writes the listing to `descriptor` and problems to the standard error. Throws
// output_error.
exit_status list_unprepared(const options& chosen, int descriptor);

}  // namespace hotpatch::tools

#endif
