// Reading changes, and carrying them out on a text.
//
// SPDX-License-Identifier: MIT
#include "patching/baseline_change.h"

#include <algorithm>
#include <unordered_map>

#include "format/baseline.h"
#include "processes/errors.h"

namespace hotpatch::patching {

namespace {

constexpr std::string_view change_word = "baseline-change ";

// The first word of the line, which is cut off with the space after it.
std::string_view take_word(std::string_view& line)
{
  const std::size_t end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

// The symbol of an "f" line, the key of a "v" line: what five other words stand
// before.
std::string name_of(std::string_view line, bool has_key)
{
  take_word(line);
  for (int i = 0; i < 5; ++i)
    take_word(line);
  const std::string_view symbol = has_key ? take_word(line) : line;
  return std::string(has_key && !line.empty() ? line : symbol);
}

std::vector<std::string> words_of(std::string_view line)
{
  std::vector<std::string> words;
  while (!line.empty())
    words.emplace_back(take_word(line));
  return words;
}

// Calls `visit(line, kind, rest)` for each line; `line` has its end.
template <typename Visit>
void for_each_line(std::string_view text, Visit visit)
{
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end);
    std::string_view rest = line;
    if (rest.ends_with('\n'))
      rest.remove_suffix(1);
    const std::string_view kind = take_word(rest);
    visit(line, kind, rest);
  }
}

[[noreturn]] void damaged(const std::string& label, const std::string& file)
{
  throw tool_error(label + ": what it says of " +
                   (file.empty() ? "a unit that it changes" : file) +
                   " is damaged; make the patch again");
}

// The lines of a unit's text by what they are about, in the order of the text.
struct sorted_lines {
  std::string heading, functions, variables, copies, others;
  std::unordered_map<std::string, std::size_t> numbers;  // of functions

  void number(const std::string& symbol) { numbers.emplace(symbol, count++); }
  std::size_t count = 0;
};

using changed_lines = std::unordered_map<std::string, std::string>;

changed_lines by_name(
    const std::vector<std::pair<std::string, std::string>>& lines)
{
  return {lines.begin(), lines.end()};
}

sorted_lines sort_with_changes(const baseline_unit& unit,
                               const unit_change& change)
{
  sorted_lines sorted;
  changed_lines functions = by_name(change.functions);
  changed_lines variables = by_name(change.variables);
  bool replaces = false;  // the last "f" or "v" line was another one
  for_each_line(unit.text, [&](std::string_view line, std::string_view kind,
                               std::string_view) {
    const std::string_view without_end = line.substr(0, line.size() - 1);
    if (kind == "f") {
      const std::string symbol = name_of(without_end, false);
      const auto other = functions.find(symbol);
      replaces = other != functions.end();
      sorted.functions += replaces ? std::string_view(other->second) : line;
      sorted.number(symbol);
      if (replaces)
        functions.erase(other);
    } else if (kind == "t") {
      sorted.functions += replaces ? std::string_view() : line;
    } else if (kind == "v") {
      const auto other = variables.find(name_of(without_end, true));
      replaces = other != variables.end();
      sorted.variables += replaces ? std::string_view(other->second) : line;
      if (replaces)
        variables.erase(other);
    } else if (kind == "u") {
      sorted.variables += replaces ? std::string_view() : line;
    } else if (kind == "i") {
      sorted.copies += line;
    } else if (kind == "baseline" || kind == "unit" || kind == "directory" ||
               kind == "compiler" || kind == "option") {
      sorted.heading += line;
    } else if (kind != "system" && kind != "h" && kind != "d" &&
               kind != "end") {
      sorted.others += line;
    }
  });
  for (const auto& [symbol, lines] : change.functions)
    if (functions.erase(symbol) != 0) {
      sorted.functions += lines;
      sorted.number(symbol);
    }
  for (const auto& [key, line] : change.variables)
    if (variables.erase(key) != 0)
      sorted.variables += line;
  return sorted;
}

}  // namespace

bool is_change(std::string_view text)
{
  return text.starts_with(change_word);
}

unit_change parse_change(const std::string& label, std::string_view text)
{
  unit_change change;
  change.text = text;
  bool is_complete = false;
  bool has_over = false;
  for_each_line(text, [&](std::string_view line, std::string_view kind,
                          std::string_view rest) {
    if (is_complete || !line.ends_with('\n'))
      damaged(label, change.file);
    if (line.starts_with(change_word)) {
      if (rest != std::to_string(format::baseline_version))
        throw tool_error(label +
                         ": what it says of the units that it changes "
                         "is of another version of hotpatch; use the hp-patch "
                         "that it was made with");
    } else if (kind == "over") {
      if (!format::parse_hash(rest.data(), rest.size(), change.over))
        damaged(label, change.file);
      has_over = true;
    } else if (kind == "unit") {
      change.file = rest;
    } else if (kind == "directory") {
      change.directory = rest;
    } else if (kind == "system" || kind == "h" || kind == "d") {
      change.dependencies += line;
    } else if (kind == "f") {
      change.functions.emplace_back(
          name_of(line.substr(0, line.size() - 1), false), line);
    } else if (kind == "t") {
      if (change.functions.empty())
        damaged(label, change.file);
      change.functions.back().second += line;
    } else if (kind == "v") {
      change.variables.emplace_back(
          name_of(line.substr(0, line.size() - 1), true), line);
    } else if (kind == "u") {
      if (change.variables.empty())
        damaged(label, change.file);
      change.variables.back().second += line;
    } else if (kind == "y") {
      change.types += line;
    } else if (kind == "j") {
      change.copies.push_back(words_of(rest));
    } else if (kind == "last") {
      change.last = rest;
    } else if (kind == "end") {
      is_complete = true;
    }
  });
  if (!is_complete || !has_over || change.file.empty() ||
      change.directory.empty())
    damaged(label, change.file);
  return change;
}

baseline_unit merge_change(const std::string& label, const baseline_unit& unit,
                           const unit_change& change)
{
  sorted_lines sorted = sort_with_changes(unit, change);
  for (const std::vector<std::string>& each : change.copies) {
    std::string line = "i";
    for (const std::string& symbol : each)
      if (const auto number = sorted.numbers.find(symbol);
          number != sorted.numbers.end())
        line += " " + std::to_string(number->second);
      else if (line == "i")
        break;  // the holder is of a system header, and not listed
    if (std::count(line.begin(), line.end(), ' ') > 1)
      sorted.copies += line + "\n";
  }
  return parse_unit(label, sorted.heading + change.dependencies +
                               sorted.functions + sorted.variables +
                               sorted.copies + sorted.others + change.types +
                               "end\n");
}

}  // namespace hotpatch::patching
