// What the user asks hp-list for, and which sites of an image that selects.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TOOLS_SELECTION_H
#define HOTPATCH_TOOLS_SELECTION_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "format/site_pattern.h"
#include "tools/listing.h"

namespace hotpatch::tools {

// --- Options ----------------------------------------------------------------
// Made by hp_list.cc, once, before any thread exists: an options value is
// consistent (either files or a process, a known sort key).

enum class view { table, detail, json, count };
enum class sort_key { address, name, size, file };
enum class colour_mode { automatic, always, never };

struct options {
  view shown = view::table;
  sort_key sort = sort_key::address;
  bool reverse = false;
  bool demangle = false;
  bool unprepared = false;  // functions without a site
  colour_mode colour = colour_mode::automatic;
  std::vector<std::string> globs;
  std::vector<std::string> files;
  pid_t pid = 0;  // 0: files
};

// Exit statuses, documented in hp-list(1).  Misuse is 64, argp's EX_USAGE.
enum exit_status : int {
  exit_listed = 0,    // everything asked for was found
  exit_no_sites = 1,  // an image without sites, or no site matches
  exit_error = 2,     // something could not be read, or is malformed
};

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
