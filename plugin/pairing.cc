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
         !is_named_by_number(symbol);
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

// --- Static variables of functions
// --------------------------------------------

bool same_value(const unit_variable& now, const old_variable& before)
{
  return now.initial_value.strict == before.initial_value.strict ||
         now.initial_value.masked == before.initial_value.masked;
}

namespace {

bool same_kind(const unit_variable& now, const old_variable& before)
{
  return now.type == before.type && same_value(now, before);
}

// From what says most to what says least.
using likeness = bool (*)(const unit_variable&, const old_variable&);
constexpr likeness likenesses[] = {
    [](const unit_variable& now, const old_variable& before) {
      return same_kind(now, before) && now.use.scope == before.use.scope &&
             now.use.uses == before.use.uses;
    },
    [](const unit_variable& now, const old_variable& before) {
      return same_kind(now, before) && now.use.uses == before.use.uses;
    },
    same_kind,
    [](const unit_variable&, const old_variable&) { return true; },
};

class statics_pairing {
 public:
  statics_pairing(const std::vector<unit_variable*>& now,
                  const std::vector<const old_variable*>& before,
                  const std::string& name)
      : now_(now),
        before_(before),
        name_(name),
        partners_(now.size()),
        was_taken_(before.size())
  {
  }

  std::vector<std::pair<unit_variable*, const old_variable*>> all()
  {
    // One is the same, whatever has become of it.
    if (now_.size() == 1 && before_.size() == 1)
      pair(0, 0);
    for (const likeness like : likenesses)
      for (std::size_t i = 0; i < now_.size(); ++i)
        if (!partners_[i])
          pair_those_like(i, like);
    std::vector<std::pair<unit_variable*, const old_variable*>> result;
    for (std::size_t i = 0; i < now_.size(); ++i)
      result.emplace_back(now_[i], partners_[i]);
    return result;
  }

 private:
  void pair(std::size_t now, std::size_t before)
  {
    partners_[now] = before_[before];
    was_taken_[before] = true;
  }

  void pair_those_like(std::size_t first, likeness like)
  {
    std::vector<std::size_t> old_ones;
    for (std::size_t i = 0; i < before_.size(); ++i)
      if (!was_taken_[i] && like(*now_[first], *before_[i]))
        old_ones.push_back(i);
    if (old_ones.empty())
      return;
    std::vector<std::size_t> new_ones;
    for (std::size_t i = first; i < now_.size(); ++i)
      if (!partners_[i] && like(*now_[i], *before_[old_ones.front()]))
        new_ones.push_back(i);
    if (new_ones.size() != old_ones.size()) {
      refuse(now_[first]->node->decl,
             "there were " + std::to_string(before_.size()) +
                 " static variables " + name_ +
                 " in this function, there are " + std::to_string(now_.size()) +
                 " now, and they look alike; give the new one another name");
      was_taken_.assign(before_.size(), true);  // said once
      return;
    }
    if (new_ones.size() > 1 && like != likenesses[0])
      warn(now_[first]->node->decl,
           "there are " + std::to_string(new_ones.size()) +
               " static variables " + name_ +
               " in this function that look alike, and what uses them has "
               "changed; they are taken for the program's in their order");
    for (std::size_t i = 0; i < new_ones.size(); ++i)
      pair(new_ones[i], old_ones[i]);
  }

  const std::vector<unit_variable*>& now_;
  const std::vector<const old_variable*>& before_;
  std::string name_;
  std::vector<const old_variable*> partners_;
  std::vector<bool> was_taken_;
};

}  // namespace

std::vector<std::pair<unit_variable*, const old_variable*>> pair_statics(
    const unit_baseline& old, const std::vector<unit_variable*>& now,
    const std::string& stem)
{
  std::vector<const old_variable*> before;
  while (const old_variable* each =
             old.find_variable(stem + "#" + std::to_string(before.size())))
    before.push_back(each);
  if (current_options().with.statics)
    return statics_pairing(now, before, stem.substr(stem.rfind(':') + 1)).all();
  std::vector<std::pair<unit_variable*, const old_variable*>> by_number;
  for (std::size_t i = 0; i < now.size(); ++i)
    by_number.emplace_back(now[i], i < before.size() ? before[i] : nullptr);
  return by_number;
}

std::string name_for_other(const std::string& symbol,
                           const std::string& variable,
                           const std::string& other)
{
  if (variable.compare(0, 2, "_Z") != 0 || other.compare(0, 2, "_Z") != 0)
    return "";
  const std::string guard = "_ZGV" + variable.substr(2);
  const std::string object = "_ZGR" + variable.substr(2);
  if (symbol == guard)
    return "_ZGV" + other.substr(2);
  if (symbol.compare(0, object.size(), object) == 0 &&
      symbol.find_first_not_of("_0123456789", object.size()) == symbol.npos &&
      symbol.size() > object.size())
    return "_ZGR" + other.substr(2) + symbol.substr(object.size());
  return "";
}

// --- Other variables ---------------------------------------------------------

namespace {

bool has_digits_at_end(const std::string& text)
{
  return !text.empty() && ISDIGIT(text.back());
}

std::string without_digits_at_end(std::string text)
{
  while (has_digits_at_end(text))
    text.pop_back();
  return text;
}

}  // namespace

const old_variable* find_renumbered(const unit_baseline& old,
                                    const std::vector<unit_variable>& all,
                                    const unit_variable& one)
{
  if (TREE_PUBLIC(one.node->decl) || !has_digits_at_end(one.key) ||
      one.is_of_function())
    return nullptr;
  const old_variable* found = nullptr;
  for (const auto& [key, each] : old.variables()) {
    const bool taken = std::any_of(
        all.begin(), all.end(),
        [&key = key](const unit_variable& other) { return other.key == key; });
    if (taken || without_digits_at_end(key) != without_digits_at_end(one.key) ||
        each.type != one.type || !same_value(one, each))
      continue;
    if (found)
      return nullptr;
    found = &each;
  }
  return found;
}

std::string variable_of_literal(const std::string& key)
{
  return key.substr(0, key.find("::literal."));
}

bool is_literal_key(const std::string& key)
{
  return variable_of_literal(key) != key;
}

bool is_made_by_compiler(const std::string& key)
{
  return key.compare(0, 3, "_ZT") == 0 || key.compare(0, 3, "_ZG") == 0;
}

std::string readable_key(const std::string& key)
{
  if (is_literal_key(key))
    return "a compound literal of " + variable_of_literal(key);
  const std::size_t end = key.rfind('#');
  const std::size_t name = key.rfind("::", end);
  if (end == key.npos || name == key.npos)
    return demangle(key.c_str(), DMGL_PARAMS | DMGL_ANSI);
  return key.substr(name + 2, end - name - 2) + " in " +
         demangle(key.substr(0, name).c_str(), DMGL_PARAMS | DMGL_ANSI);
}

}  // namespace hotpatch
