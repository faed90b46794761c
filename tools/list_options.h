// What the user asked hp-list for.
//
// Made by hp_list.cc, once, before any thread exists: an options value is
// consistent (either files or a process, a known sort key).
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TOOLS_LIST_OPTIONS_H
#define HOTPATCH_TOOLS_LIST_OPTIONS_H

#include <string>
#include <vector>

#include <sys/types.h>

namespace hotpatch::tools {

enum class view { table, detail, json, count };
enum class sort_key { address, name, size, file };
enum class colour_mode { automatic, always, never };

struct options {
  view shown = view::table;
  sort_key sort = sort_key::address;
  bool reverse = false;
  bool demangle = false;
  colour_mode colour = colour_mode::automatic;
  std::vector<std::string> globs;
  std::vector<std::string> files;
  pid_t pid = 0;  // 0: files
};

// Exit statuses, documented in hp-list(1).  Misuse is 64, argp's EX_USAGE.
enum exit_status : int {
  exit_listed = 0,    // everything asked for was found
  exit_no_sites = 1,  // an image without sites, or no site matches
  exit_trouble = 2,   // something could not be read, or is malformed
};

}  // namespace hotpatch::tools

#endif
