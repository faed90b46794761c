// Which sites hp-list shows, and in which order.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TOOLS_SELECTION_H
#define HOTPATCH_TOOLS_SELECTION_H

#include <cstdint>
#include <string_view>
#include <vector>

#include "format/site_pattern.h"
#include "tools/list_options.h"
#include "tools/listing.h"

namespace hotpatch::tools {

// --- Site pattern -----------------------------------------------------------
// Holding a site against a glob (format/site_pattern.h), as the compiler plugin
// does with functions.

// Whether the glob matches the site by its assembler name, a form of the
// demangled name (empty if `name` is not mangled), or its source file.
bool matches_site(const format::site_pattern& pattern, const char* name,
                  std::string_view demangled, const char* file);

// --- Selection --------------------------------------------------------------
// Which sites are shown, and in which order.
//
// A selection holds row numbers of one listing; the listing itself stays as it
// was read.

using selection = std::vector<std::uint32_t>;

// The rows that match one of the globs (all, when there are none), ordered by
// the sort key; equal ones keep the order of the image.
selection select_rows(const listing& shown, const options& chosen);

// Do the options need names to be demangled before select_rows()?
bool needs_demangled(const options& chosen);

}  // namespace hotpatch::tools

#endif
