// Finding, compiling and choosing new sources.
//
// SPDX-License-Identifier: MIT
#include "patching/new_sources.h"

#include <algorithm>

#include <elf.h>
#include <nlohmann/json.hpp>

#include "format/baseline.h"
#include "format/patch_record.h"
#include "patching/build_run.h"
#include "patching/child_commands.h"
#include "patching/compile_commands.h"
#include "processes/errors.h"
#include "runtime/elf/elf_file.h"
#include "runtime/elf/symbol_table.h"

namespace hotpatch::patching {

std::vector<new_source> noted_sources(const against_directory& against)
{
  using json = nlohmann::json;
  std::vector<new_source> sources;
  std::set<std::string> seen;
  for (const std::string& line : against.lines("new")) {
    if (!seen.insert(line).second)
      continue;
    const json noted = json::parse(line, nullptr, false);
    try {
      sources.push_back({noted.at("source"), noted.at("directory"),
                         noted.at("command"), noted.value("object", "")});
    } catch (const json::exception&) {
      throw tool_error(
          against.file("new") +
          ": a line is not as hp-patch expects it; install hp-patch "
          "and the plugin from one build");
    }
  }
  return sources;
}

void read_symbols(std::vector<unit_result>& results)
{
  for (unit_result& each : results) {
    elf_file file;
    symbol_table table;
    if (each.kind != result_kind::patch ||
        file.open(each.object().c_str(), elf_file::access::mapped) != HP_OK)
      continue;
    throw_if_failed(table.load(file));
    table.for_each([&](const symbol& one) {
      if (one.binding != STB_LOCAL)
        each.defines.emplace_back(one.name);
      return true;
    });
    table.for_each_undefined(
        [&](const char* name) { each.needs.emplace_back(name); });
  }
}

bool may_be_wanted(const new_source& source,
                   const std::set<std::string>& wanted)
{
  elf_file file;
  const std::string object = normal_path(source.directory, source.object);
  symbol_table table;
  if (source.object.empty())
    return !wanted.empty() ||
           read_whole_file(normal_path(source.directory, source.source))
                   .value_or("")
                   .find("HP_") != std::string::npos;
  if (file.open(object.c_str(), elf_file::access::mapped) != HP_OK ||
      table.load(file) != HP_OK)
    return true;
  elf_section records;
  bool found = file.find_section(format::patch_section_name, 0, records);
  table.for_each([&](const symbol& each) {
    found = found || wanted.count(each.name) != 0;
    return !found;
  });
  return found;
}

void compile_new_sources(const against_directory& against,
                         const std::vector<new_source>& sources,
                         std::size_t at_once)
{
  auto environment = against_environment(against);
  for (auto& [name, value] : environment)
    if (name == format::against_new_variable)
      value = "1";
  std::vector<child_command> commands;
  for (const new_source& each : sources) {
    const std::string number = std::to_string(commands.size());
    commands.push_back({with_output({"", each.directory, each.command},
                                    against.file("new-" + number + ".stub")),
                        each.directory, environment,
                        against.file("new-log-" + number)});
  }
  run_commands(commands, at_once);
}

std::vector<const unit_result*> choose_new(
    const std::vector<unit_result>& results, std::set<std::string>& wanted,
    const std::function<bool(const std::string&)>& is_there)
{
  std::vector<const unit_result*> chosen;
  std::set<std::string> defined;
  const auto take = [&](const unit_result& result) {
    chosen.push_back(&result);
    defined.insert(result.defines.begin(), result.defines.end());
    for (const std::string& symbol : result.needs)
      if (!is_there(symbol))
        wanted.insert(symbol);
  };
  const auto is_new = [&](const unit_result& each) {
    return !each.unit && each.kind == result_kind::patch && each.finished &&
           std::find(chosen.begin(), chosen.end(), &each) == chosen.end();
  };
  for (const unit_result& each : results)
    if (is_new(each) && !each.hooks.empty())
      take(each);
  for (bool again = true; again;) {
    again = false;
    for (const unit_result& each : results)
      if (is_new(each) && std::any_of(each.defines.begin(), each.defines.end(),
                                      [&](const std::string& symbol) {
                                        return wanted.count(symbol) != 0 &&
                                               defined.count(symbol) == 0;
                                      })) {
        take(each);
        again = true;
      }
  }
  for (const std::string& symbol : defined)
    wanted.erase(symbol);
  return chosen;
}

}  // namespace hotpatch::patching
