// The globs that choose sites.
//
// SPDX-License-Identifier: MIT
#include "tools/site_pattern.h"

#include <cstring>

#include <fnmatch.h>

#include "runtime/sites/name_demangle.h"

namespace hotpatch::tools {

// A file matches only a glob with a dot or slash in it, so that conn* means the
// functions called so and not everything in conn.c.
site_pattern::site_pattern(const std::string& glob)
    : glob_(glob), may_name_file_(glob.find_first_of("./") != glob.npos)
{
}

bool site_pattern::matches_text(const char* text) const
{
  return fnmatch(glob_.c_str(), text, 0) == 0;
}

bool site_pattern::matches_in(const char* file, const char* name) const
{
  return matches_text((std::string(file) + ':' + name).c_str());
}

bool site_pattern::matches_name(const char* name, const char* file) const
{
  if (matches_text(name))
    return true;
  if (!may_name_file_)
    return false;
  const char* slash = std::strrchr(file, '/');
  return matches_in(file, name) || (slash && matches_in(slash + 1, name));
}

bool site_pattern::matches(const char* name, std::string_view demangled,
                           const char* file) const
{
  if (may_name_file_) {
    const char* slash = std::strrchr(file, '/');
    if (matches_text(file) || (slash && matches_text(slash + 1)))
      return true;
  }
  if (matches_name(name, file))
    return true;
  if (demangled.empty())
    return false;
  char form[4096];
  return matches_name(std::string(demangled).c_str(), file) ||
         matches_name(demangle(name, name_form::signature, form, sizeof form),
                      file) ||
         matches_name(demangle(name, name_form::bare, form, sizeof form), file);
}

}  // namespace hotpatch::tools
