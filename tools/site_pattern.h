// The globs that choose sites, with the meaning that the compiler plugin gives
// them when it chooses functions.
//
// A pattern is constant; any thread may use it.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TOOLS_SITE_PATTERN_H
#define HOTPATCH_TOOLS_SITE_PATTERN_H

#include <string>
#include <string_view>

namespace hotpatch::tools {

class site_pattern {
 public:
  explicit site_pattern(const std::string& glob);

  // Whether the glob matches the assembler name, a form of the demangled name
  // (empty if `name` is not mangled), the source file's path or last part, or
  // file and name together: "conn.c:reset*".
  bool matches(const char* name, std::string_view demangled,
               const char* file) const;

 private:
  bool matches_text(const char* text) const;
  bool matches_in(const char* file, const char* name) const;
  bool matches_name(const char* name, const char* file) const;

  std::string glob_;
  bool may_name_file_;
};

}  // namespace hotpatch::tools

#endif
