// Pairs what is numbered by what it is.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/pairing.h"

#include "plugin/against_result.h"
#include "plugin/body_hash.h"
#include "plugin/names.h"
#include "plugin/options.h"

namespace hotpatch {

// --- Classes -----------------------------------------------------------------

namespace {

// The names that differ by numbers of classes only.
struct namesakes {
  std::map<std::string, const old_function*> before;
  std::map<std::string, tree> now;
};

// A name that stands in a function, or that of a class without one.  Lambdas
// are told apart by what they do.
bool may_be_numbered(const std::string& symbol)
{
  return symbol.compare(0, 2, "_Z") == 0 &&
         (symbol.find('Z', 2) != symbol.npos ||
          symbol.find("Ut") != symbol.npos) &&
         !name_has_lambda(symbol);
}

bool is_equal(tree now, const old_function& before)
{
  const body_hash& body = body_hashes().at(DECL_UID(now));
  return body.prototype == before.prototype &&
         (body.strict == before.strict || body.masked == before.masked);
}

// Some have come or gone at the end, and the others are as they were, which
// they would not be if they had got other numbers.
bool keep_their_numbers(const namesakes& all)
{
  const auto& [before, now] = all;
  bool some_went = false;
  for (const auto& [symbol, each] : before) {
    const auto same = now.find(symbol);
    some_went = some_went || same == now.end();
    if (same != now.end() && !is_equal(same->second, *each))
      return false;
  }
  for (const auto& [symbol, each] : now) {
    if (before.count(symbol))
      continue;
    if (some_went)
      return false;
    for (const auto& [other, old] : before)
      if (is_equal(each, *old))
        return false;
  }
  return true;
}

bool have_same_names(const namesakes& all)
{
  return all.before.size() == all.now.size() &&
         std::equal(
             all.before.begin(), all.before.end(), all.now.begin(),
             [](const auto& a, const auto& b) { return a.first == b.first; });
}

}  // namespace

void refuse_renumbered_classes(const unit_baseline& old,
                               const std::vector<tree>& functions)
{
  if (!current_options().with.local_classes)
    return;
  std::map<std::string, namesakes> by_name;
  for (const tree each : functions)
    if (const std::string symbol = assembler_name(each);
        may_be_numbered(symbol))
      by_name[name_without_numbers(symbol)].now[symbol] = each;
  if (by_name.empty())
    return;
  for (const old_function& each : old.functions())
    if (may_be_numbered(each.symbol))
      if (const auto found = by_name.find(name_without_numbers(each.symbol));
          found != by_name.end())
        found->second.before[each.symbol] = &each;
  for (const auto& [name, all] : by_name)
    if (!all.before.empty() && !have_same_names(all) &&
        !keep_their_numbers(all))
      refuse(all.now.rbegin()->second,
             printed(all.now.rbegin()->second) +
                 " is of one of several classes that have the same name, or "
                 "none, in one place, and there were others before; give each "
                 "a name of its own, or restart the program");
}

}  // namespace hotpatch
