// The globs that choose sites.
//
// SPDX-License-Identifier: MIT
#include "tools/site_pattern.h"

#include <string>

#include "runtime/sites/name_demangle.h"

namespace hotpatch::tools {

bool matches_site(const format::site_pattern& pattern, const char* name,
                  std::string_view demangled, const char* file)
{
  if (pattern.matches_file(file) || pattern.matches_name(name, file))
    return true;
  if (demangled.empty())
    return false;
  char form[4096];
  return pattern.matches_demangled(std::string(demangled).c_str(), file) ||
         pattern.matches_demangled(
             demangle(name, name_form::signature, form, sizeof form), file) ||
         pattern.matches_demangled(
             demangle(name, name_form::bare, form, sizeof form), file);
}

}  // namespace hotpatch::tools
