// Collects and writes the change.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/baseline_change.h"

#include "plugin/against_result.h"
#include "plugin/inline_copies.h"
#include "plugin/names.h"

#include "format/baseline.h"

namespace hotpatch {

namespace {

struct changed_variable {
  unit_variable variable;
  bool is_shared;
};

std::string changed_functions;
std::vector<changed_variable> changed_variables;
std::string changed_types;
std::string last_patch;

// By symbol: the numbers of the merged text are not known here.
std::string copies_text()
{
  std::map<std::string, std::string> lists;  // by holder
  for (const auto& [copy, holders] : copies_by_function())
    for (const auto& [holder, count] : holders)
      lists[known_functions().at(holder).symbol] +=
          " " + known_functions().at(copy).symbol;
  std::string text;
  for (const auto& [holder, list] : lists)
    text += "j " + holder + list + "\n";
  return text;
}

}  // namespace

void note_changed_function(tree decl, const std::string& flags)
{
  changed_functions +=
      function_lines(DECL_UID(decl), assembler_name(decl), flags,
                     static_cast<int>(DECL_SOURCE_LINE(decl)));
}

void note_changed_variable(const unit_variable& variable, bool is_shared)
{
  changed_variables.push_back({variable, is_shared});
}

void note_types()
{
  changed_types = type_lines();
}

void note_last_patch(tree decl, const char* reason)
{
  if (last_patch.empty())
    last_patch = place_of(decl) + printed(decl) + " " + reason;
}

void print_baseline_change(std::uint64_t baseline)
{
  const std::set<unsigned> emitted = emitted_symbols();
  std::string text = "baseline-change " +
                     std::to_string(format::baseline_version) + "\nover " +
                     hash_text(baseline) + "\n" + baseline_place() +
                     baseline_dependencies() + changed_functions;
  for (const changed_variable& each : changed_variables) {
    std::string flags = each.variable.flags;
    if (each.is_shared && emitted.count(each.variable.id))
      flags += format::variable_emitted;
    text += variable_lines(each.variable, flags);
  }
  text += changed_types + copies_text();
  if (!last_patch.empty())
    text += "last " + last_patch + "\n";
  print_baseline(text + "end\n");
}

}  // namespace hotpatch
