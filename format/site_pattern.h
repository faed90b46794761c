// The globs that choose functions: one rule for the compiler plugin, which
// gives sites by it, and for the tools, which list sites by it.
//
// A glob matches a name of the function, the source file, or both with a colon
// between them: "conn_*", "ns::f(int)", "conn.c", "conn.c:reset*".  A file is
// matched as the compiler was told, or by its last part, and only by a glob
// with a dot or slash in it, so that conn* means the functions called so and
// not everything in conn.c.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_FORMAT_SITE_PATTERN_H
#define HOTPATCH_FORMAT_SITE_PATTERN_H

#include <cstring>
#include <string>
#include <string_view>

#include <fnmatch.h>

namespace hotpatch::format {

// Is `name` in the Itanium C++ ABI's mangling?
inline bool is_mangled(const char* name)
{
  return name[0] == '_' && name[1] == 'Z';
}

// A demangled name without what the ABI adds to the source's: "[abi:cxx11]",
// and the "@module" of a name that belongs to a C++ module.
inline std::string without_tags(std::string_view demangled)
{
  constexpr std::string_view tag = "[abi:";
  const auto in_module_name = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '_' || c == '.';
  };
  std::string plain;
  for (std::size_t i = 0; i < demangled.size(); ++i) {
    if (demangled.substr(i, tag.size()) == tag) {
      i = demangled.find(']', i);
      if (i == demangled.npos)
        break;
    } else if (demangled[i] == '@') {
      // "@shop.net", or "@shop:part"; "::" goes on with the name.
      while (i + 1 < demangled.size() &&
             (in_module_name(demangled[i + 1]) ||
              (demangled[i + 1] == ':' && demangled.substr(i + 1, 2) != "::")))
        ++i;
    } else {
      plain += demangled[i];
    }
  }
  return plain;
}

class site_pattern {
 public:
  explicit site_pattern(std::string glob)
      : glob_(std::move(glob)),
        may_name_file_(glob_.find_first_of("./") != glob_.npos)
  {
  }

  const std::string& glob() const { return glob_; }
  bool has_wildcard() const
  {
    return glob_.find_first_of("*?[\\") != glob_.npos;
  }

  bool matches_file(const char* file) const
  {
    return may_name_file_ &&
           (matches(file) || (last_part(file) && matches(last_part(file))));
  }

  // By itself or after the file's.
  bool matches_name(const char* name, const char* file) const
  {
    if (matches(name))
      return true;
    const auto matches_behind = [&](const char* place) {
      return place && matches((std::string(place) + ':' + name).c_str());
    };
    return may_name_file_ &&
           (matches_behind(file) || matches_behind(last_part(file)));
  }

  // A demangled name, with and without tags.
  bool matches_demangled(const char* name, const char* file) const
  {
    if (matches_name(name, file))
      return true;
    if (std::strpbrk(name, "[@") == nullptr)
      return false;
    const std::string plain = without_tags(name);
    return plain != name && matches_name(plain.c_str(), file);
  }

 private:
  // Names with brackets, as "operator[]", are globs that mean something else.
  bool matches(const char* text) const
  {
    return glob_ == text || fnmatch(glob_.c_str(), text, 0) == 0;
  }

  static const char* last_part(const char* file)
  {
    const char* slash = std::strrchr(file, '/');
    return slash ? slash + 1 : nullptr;
  }

  std::string glob_;
  bool may_name_file_;
};

}  // namespace hotpatch::format

#endif
