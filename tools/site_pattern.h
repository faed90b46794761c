// Holding a site against a glob (format/site_pattern.h), as the compiler plugin
// does with functions.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TOOLS_SITE_PATTERN_H
#define HOTPATCH_TOOLS_SITE_PATTERN_H

#include <string_view>

#include "format/site_pattern.h"

namespace hotpatch::tools {

// Whether the glob matches the site by its assembler name, a form of the
// demangled name (empty if `name` is not mangled), or its source file.
bool matches_site(const format::site_pattern& pattern, const char* name,
                  std::string_view demangled, const char* file);

}  // namespace hotpatch::tools

#endif
