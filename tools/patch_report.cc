// The report of hp-patch.
//
// SPDX-License-Identifier: MIT
#include "tools/patch_report.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <set>

#include <nlohmann/json.hpp>

#include "patching/source_tree.h"
#include "runtime/sites/name_demangle.h"
#include "tools/json_view.h"

namespace hotpatch::tools {

namespace {

using json = nlohmann::ordered_json;
using patching::made_patch;
using patching::made_patches;
using patching::unit_result;

std::string readable(const std::string& symbol)
{
  char text[4096];
  return demangle(symbol.c_str(), name_form::signature, text, sizeof text);
}

std::string plural(std::size_t count, const std::string& one)
{
  return std::to_string(count) + " " + one + (count == 1 ? "" : "s");
}

std::string place(const unit_result& unit, unsigned line)
{
  return unit.source + (line == 0 ? "" : ":" + std::to_string(line));
}

// "contains _Z3addii" with the name as the source has it.
std::string readable_reason(const std::string& reason)
{
  const std::size_t blank = reason.find(' ');
  return blank == std::string::npos
             ? reason
             : reason.substr(0, blank + 1) + readable(reason.substr(blank + 1));
}

std::string seconds_text(double seconds)
{
  char text[32];
  std::snprintf(text, sizeof text, "%.2f s", seconds);
  return text;
}

void append_imports(std::string& text, const made_patch& patch)
{
  constexpr std::size_t most = 8;
  std::vector<std::string> variables;
  for (const std::string& each : patch.imported_variables)
    variables.push_back(readable(each));
  std::sort(variables.begin(), variables.end());
  const std::size_t functions = patch.imported_functions.size();
  if (variables.empty() && functions == 0)
    return;
  text += "  uses of the program: ";
  if (functions != 0)
    text += plural(functions, "function");
  for (std::size_t i = 0; i < std::min(variables.size(), most); ++i)
    text += (i == 0 ? (functions != 0 ? "; " : "") : ", ") + variables[i];
  if (variables.size() > most)
    text += " and " + plural(variables.size() - most, "other variable");
  text += "\n";
}

void append_unit(std::string& text, const unit_result& unit)
{
  for (const patching::replaced_function& each : unit.replaced)
    text += "  replaces " + readable(each.symbol) + " (" +
            place(unit, each.line) + "): " + readable_reason(each.reason) +
            "\n";
  for (const patching::replaced_function& each : unit.compiled)
    text += "  contains " + readable(each.symbol) + " (" +
            place(unit, each.line) + "): " + readable_reason(each.reason) +
            "; the program has no site of it\n";
  for (const patching::new_symbol& each : unit.new_functions)
    text += "  new function " + readable(each.symbol) + " (" +
            place(unit, each.line) + ")\n";
  for (const patching::new_symbol& each : unit.new_data)
    text += "  new data " + readable(each.symbol) + " (" +
            place(unit, each.line) + ")\n";
  for (const std::string& each : unit.hooks)
    text += "  hook " + readable(each) + " (" + unit.source + ")\n";
  for (const std::string& each : unit.notes)
    text += "  note: " + each + "\n";
}

void append_patch(std::string& text, const made_patch& patch)
{
  text += patch.output + ": the patch " + patch.name + ", version " +
          std::to_string(patch.version) + ", for " + patch.image + ", " +
          plural(patch.size, "byte") + "\n";
  for (const unit_result& unit : patch.units)
    append_unit(text, unit);
  append_imports(text, patch);
  for (const auto& [name, version] : patch.needs)
    text += "  needs " + name + ", version " + std::to_string(version) + "\n";
}

void append_warnings(std::string& text, const made_patches& made)
{
  std::set<std::string> said;
  for (const unit_result& unit : made.results)
    for (const std::string& each : unit.warnings)
      if (said.insert(each).second)
        text += "warning: " + each + "\n";
  for (const std::string& each : made.warnings)
    if (said.insert(each).second)
      text += "warning: " + each + "\n";
}

std::string effort_text(const made_patches& made)
{
  return plural(made.compared, "unit") + " compared, " +
         std::to_string(made.changed) + " with changed files; " +
         seconds_text(made.cpu_seconds) + " of the compiler, " +
         seconds_text(made.seconds) + " in all\n";
}

bool is_named(const std::string& symbol, const std::string& name)
{
  return symbol == name ||
         demangles_to(symbol.c_str(), name.c_str(), name.size());
}

// The lines of the source, if they can be had.
void append_lines(std::string& text, const std::string& path, unsigned first,
                  unsigned last)
{
  constexpr unsigned most = 20;
  const std::string source = patching::read_whole_file(path).value_or("");
  std::size_t at = 0;
  for (unsigned line = 1; at < source.size() && line <= last; ++line) {
    const std::size_t end = std::min(source.find('\n', at), source.size());
    if (line >= first && line < first + most) {
      char number[16];
      std::snprintf(number, sizeof number, "%6u | ", line);
      text += number + source.substr(at, end - at) + "\n";
    }
    at = end + 1;
  }
  if (last >= first + most)
    text += "       | ...\n";
}

void explain(std::string& text, const unit_result& unit,
             const patching::replaced_function& function)
{
  const std::string name = readable(function.symbol);
  bool any = false;
  for (const patching::difference_place& each : unit.explained) {
    if (each.symbol != function.symbol)
      continue;
    any = true;
    const std::string file = each.file.empty() ? unit.source : each.file;
    const std::string path =
        file.starts_with('/') ? file : unit.directory + "/" + file;
    if (each.first == 0) {
      text += unit.source + ": " + name +
              " differs, where is not known: not in a statement of its own\n";
      continue;
    }
    text += file + ":" + std::to_string(each.first) + ": " + name +
            (each.last > each.first
                 ? " differs in the lines to " + std::to_string(each.last)
                 : std::string(" differs in this line")) +
            "\n";
    append_lines(text, path, each.first, std::max(each.first, each.last));
  }
  if (!any)
    text += place(unit, function.line) + ": " + name +
            " is replaced because of: " + readable_reason(function.reason) +
            "\n";
}

json functions_json(const unit_result& unit,
                    const std::vector<patching::replaced_function>& functions)
{
  json list = json::array();
  for (const patching::replaced_function& each : functions) {
    json differences = json::array();
    for (const patching::difference_place& where : unit.explained)
      if (where.symbol == each.symbol && where.first != 0)
        differences.push_back(
            {{"file", where.file.empty() ? unit.source : where.file},
             {"first_line", where.first},
             {"last_line", where.last}});
    list.push_back({{"name", each.symbol},
                    {"demangled", readable(each.symbol)},
                    {"file", unit.source},
                    {"line", each.line},
                    {"reason", each.reason},
                    {"differences", differences}});
  }
  return list;
}

json symbols_json(const unit_result& unit,
                  const std::vector<patching::new_symbol>& symbols)
{
  json list = json::array();
  for (const patching::new_symbol& each : symbols)
    list.push_back({{"name", each.symbol},
                    {"demangled", readable(each.symbol)},
                    {"file", unit.source},
                    {"line", each.line}});
  return list;
}

void append(json& to, json from)
{
  for (json& each : from)
    to.push_back(std::move(each));
}

json patch_json(const made_patch& patch)
{
  json replaced = json::array(), compiled = json::array(),
       functions = json::array(), data = json::array(),
       imported = json::array(), hooks = json::array(), notes = json::array(),
       sources = json::array(), needs = json::array();
  for (const unit_result& unit : patch.units) {
    sources.push_back(unit.source);
    append(replaced, functions_json(unit, unit.replaced));
    append(compiled, functions_json(unit, unit.compiled));
    append(functions, symbols_json(unit, unit.new_functions));
    append(data, symbols_json(unit, unit.new_data));
    append(hooks, json(unit.hooks));
    append(notes, json(unit.notes));
  }
  for (const std::string& each : patch.imported_functions)
    imported.push_back({{"name", each}, {"kind", "function"}});
  for (const std::string& each : patch.imported_variables)
    imported.push_back({{"name", each}, {"kind", "variable"}});
  for (const auto& [name, version] : patch.needs)
    needs.push_back({{"name", name}, {"version", version}});
  return {{"image", patch.image},
          {"output", patch.output},
          {"name", patch.name},
          {"version", patch.version},
          {"build_id", patch.build.empty() ? json() : json(patch.build)},
          {"size", patch.size},
          {"needs", needs},
          {"sources", sources},
          {"replaced", replaced},
          {"compiled", compiled},
          {"new_functions", functions},
          {"new_data", data},
          {"imported", imported},
          {"hooks", hooks},
          {"notes", notes}};
}

json warnings_json(const made_patches& made)
{
  std::set<std::string> all(made.warnings.begin(), made.warnings.end());
  for (const unit_result& unit : made.results)
    all.insert(unit.warnings.begin(), unit.warnings.end());
  return json(all);
}

json document(const char* result)
{
  return {{"format", "hotpatch-patch"}, {"version", 1}, {"result", result}};
}

}  // namespace

std::string report_text(const made_patches& made)
{
  std::string text;
  for (const made_patch& each : made.patches)
    append_patch(text, each);
  append_warnings(text, made);
  return text + effort_text(made);
}

std::string nothing_text(const made_patches& made)
{
  std::string text;
  append_warnings(text, made);
  return text +
         (made.changed == 0
              ? "nothing to patch: no file of the program has changed\n"
              : "nothing to patch: what has changed makes no other code in "
                "this configuration\n") +
         effort_text(made);
}

std::string explanation_text(const made_patches& made,
                             const std::vector<std::string>& names)
{
  std::string text;
  for (const std::string& name : names) {
    const std::size_t before = text.size();
    std::set<std::string> done;
    for (const made_patch& patch : made.patches)
      for (const unit_result& unit : patch.units)
        for (const auto* functions : {&unit.replaced, &unit.compiled})
          for (const patching::replaced_function& each : *functions)
            if (is_named(each.symbol, name) &&
                done.insert(unit.source + each.symbol).second)
              explain(text, unit, each);
    if (text.size() == before)
      text += name + ": is not replaced; the report lists what is\n";
  }
  return text;
}

std::string report_json(const made_patches& made)
{
  json all = document(made.patches.empty() ? "nothing" : "made");
  json patches = json::array();
  for (const made_patch& each : made.patches)
    patches.push_back(patch_json(each));
  all["patches"] = patches;
  all["warnings"] = warnings_json(made);
  all["refused"] = json::array();
  all["compared"] = made.compared;
  all["changed"] = made.changed;
  all["cpu_seconds"] = made.cpu_seconds;
  all["seconds"] = made.seconds;
  return json_text(all, 1) + "\n";
}

std::string refusal_json(const std::vector<std::string>& reasons)
{
  json all = document("refused");
  all["patches"] = json::array();
  all["warnings"] = json::array();
  all["refused"] = reasons;
  return json_text(all, 1) + "\n";
}

}  // namespace hotpatch::tools
