// Which functions get a site, and why.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/choose.h"

#include "plugin/attribute.h"
#include "plugin/names.h"
#include "plugin/options.h"
#include "plugin/patch_attribute.h"

namespace hotpatch {

namespace {

choice matches(const format::site_pattern& pattern,
               const std::vector<std::string>& names, const char* file)
{
  const choice by_name =
      pattern.has_wildcard() ? choice::pattern : choice::name;
  for (const std::string& name : names)
    if (pattern.matches_demangled(name.c_str(), file))
      return by_name;
  return pattern.matches_file(file) ? choice::pattern : choice::none;
}

bool in_system_header(tree decl)
{
  return in_system_header_at(DECL_SOURCE_LOCATION(decl));
}

std::set<std::string> matched;

// The strongest of all that match.
choice chosen_by_pattern(tree decl)
{
  const auto& patterns = current_options().patterns;
  if (patterns.empty())
    return choice::none;
  const std::vector<std::string> names = names_of(decl);
  const bool foreign = in_system_header(decl);
  choice found = choice::none;
  for (const format::site_pattern& pattern : patterns) {
    if (foreign && pattern.has_wildcard())
      continue;
    const choice by_this = matches(pattern, names, DECL_SOURCE_FILE(decl));
    if (by_this != choice::none)
      matched.insert(pattern.glob());
    found = std::max(found, by_this);
  }
  return found;
}

// Functions that the compiler made up and that no source line stands for:
// static initialisation, bodies of OpenMP regions, the entry of a lambda
// without captures, and so on.  Implicit constructors, destructors and
// assignments are the programmer's.
bool made_by_compiler(tree decl)
{
  return DECL_ARTIFICIAL(decl) && !DECL_CXX_CONSTRUCTOR_P(decl) &&
         !DECL_CXX_DESTRUCTOR_P(decl) && !is_operator(decl);
}

bool chosen_by_all(tree decl)
{
  return current_options().all && !in_system_header(decl);
}

}  // namespace

choice choose(tree decl)
{
  if (forbids_site(decl) || made_by_compiler(decl))
    return choice::none;
  if (asks_for_site(decl))
    return choice::attribute;
  // Under the name of what it replaces it would be in that one's way.
  if (replaced_by(decl))
    return choice::none;
  const choice by_pattern = chosen_by_pattern(decl);
  if (by_pattern != choice::none)
    return by_pattern;
  return chosen_by_all(decl) ? choice::everything : choice::none;
}

std::string explain_choice(tree decl)
{
  switch (choose(decl)) {
    case choice::attribute:
      return "chosen by its attribute";
    case choice::pattern:
    case choice::name:
      return "chosen by a pattern";
    case choice::everything:
      return "chosen by -all";
    case choice::none:
      break;
  }
  if (forbids_site(decl))
    return "not chosen: it has the attribute no_hotpatch";
  if (replaced_by(decl))
    return "not chosen: it is a replacement";
  if (made_by_compiler(decl))
    return "not chosen: the compiler made it";
  if (in_system_header(decl))
    return "not chosen: it is in a system header";
  return "not chosen: no attribute or option names it";
}

void warn_of_unmatched_patterns()
{
  if (!current_options().warn_unmatched)
    return;
  for (const format::site_pattern& pattern : current_options().patterns)
    if (!matched.count(pattern.glob()))
      warning_at(UNKNOWN_LOCATION, 0, "hotpatch: no function matches %qs [%s]",
                 pattern.glob().c_str(),
                 "-fplugin-arg-hotpatch-warn-unmatched");
}

choice choose_early(tree decl)
{
  if (!name_is_settled(decl) && !current_options().patterns.empty() &&
      !forbids_site(decl) && !asks_for_site(decl))
    return choice::name;
  return choose(decl);
}

}  // namespace hotpatch
