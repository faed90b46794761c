// Patterns and the order of sites.
//
// SPDX-License-Identifier: MIT
#include "tools/selection.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <string>
#include <string_view>

#include "runtime/sites/name_demangle.h"

namespace hotpatch::tools {

// --- Site pattern -----------------------------------------------------------
// The globs that choose sites.

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

// --- Selection --------------------------------------------------------------
// Matching and sorting the rows of a listing.

namespace {

void match_rows(const listing& shown, const std::vector<std::string>& globs,
                selection& rows)
{
  std::vector<bool> wanted(shown.rows.size());
  for (const std::string& glob : globs) {
    const format::site_pattern pattern(glob);
    for (std::size_t i = 0; i < shown.rows.size(); ++i) {
      const row& one = shown.rows[i];
      if (!wanted[i])
        wanted[i] = matches_site(pattern, one.where.name, one.demangled,
                                 one.where.file);
    }
    for (const alias& other : shown.aliases)
      if (!wanted[other.row])
        wanted[other.row] = matches_site(pattern, other.name, other.demangled,
                                         shown.rows[other.row].where.file);
  }
  std::erase_if(rows, [&](std::uint32_t i) { return !wanted[i]; });
}

// The names are collected first: measuring them in every comparison would take
// longer than sorting.
void sort_by_name(const listing& shown, bool demangle, selection& rows)
{
  struct named_row {
    std::string_view name;
    std::uint32_t number;
  };
  std::vector<named_row> named;
  named.reserve(rows.size());
  for (std::uint32_t number : rows) {
    const row& one = shown.rows[number];
    bool replaced = demangle && !one.demangled.empty();
    named.push_back({replaced ? one.demangled : one.where.name, number});
  }
  std::stable_sort(
      named.begin(), named.end(),
      [](const named_row& a, const named_row& b) { return a.name < b.name; });
  std::transform(named.begin(), named.end(), rows.begin(),
                 [](const named_row& one) { return one.number; });
}

void sort_rows(const listing& shown, const options& chosen, selection& rows)
{
  auto by = [&](auto less) {
    std::stable_sort(rows.begin(), rows.end(),
                     [&](std::uint32_t a, std::uint32_t b) {
                       return less(shown.rows[a], shown.rows[b]);
                     });
  };
  switch (chosen.sort) {
    case sort_key::address:  // as they are
      break;
    case sort_key::size:
      by([](const row& a, const row& b) {
        return size_of(a.where) < size_of(b.where);
      });
      break;
    case sort_key::name:
      sort_by_name(shown, chosen.demangle, rows);
      break;
    case sort_key::file:
      by([](const row& a, const row& b) {
        int order = std::strcmp(a.where.file, b.where.file);
        return order != 0 ? order < 0 : a.where.line < b.where.line;
      });
      break;
  }
}

}  // namespace

selection select_rows(const listing& shown, const options& chosen)
{
  selection rows(shown.rows.size());
  std::iota(rows.begin(), rows.end(), 0u);
  if (!chosen.globs.empty())
    match_rows(shown, chosen.globs, rows);
  sort_rows(shown, chosen, rows);
  if (chosen.reverse)
    std::reverse(rows.begin(), rows.end());
  return rows;
}

bool needs_demangled(const options& chosen)
{
  return chosen.shown != view::count || !chosen.globs.empty();
}

}  // namespace hotpatch::tools
