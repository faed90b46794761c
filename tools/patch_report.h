// What hp-patch says of the patches that it has made, to people and as one JSON
// document (hp-patch.schema.json).
//
// One thread at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TOOLS_PATCH_REPORT_H
#define HOTPATCH_TOOLS_PATCH_REPORT_H

#include <string>
#include <vector>

#include "patching/patch_making.h"

namespace hotpatch::tools {

// Patch by patch: what it replaces and why, what is new, and what there is to
// know; and a line with what it took.
std::string report_text(const patching::made_patches& made);

// What differs in the functions with one of these names, with the lines of the
// source.  A name may be an assembler name or a name of the source, with or
// without parameters.
std::string explanation_text(const patching::made_patches& made,
                             const std::vector<std::string>& names);

std::string report_json(const patching::made_patches& made);
// Of patches that were not made.
std::string refusal_json(const std::vector<std::string>& reasons);

// Where a result has none: nothing changed.
std::string nothing_text(const patching::made_patches& made);

}  // namespace hotpatch::tools

#endif
