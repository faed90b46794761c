// hp-status's table and its JSON document.
//
// SPDX-License-Identifier: MIT
#include "tools/status_view.h"

#include <nlohmann/json.hpp>

#include "processes/text.h"
#include "tools/json_view.h"

namespace hotpatch::tools {

namespace {

constexpr std::size_t pid_width = 10;
constexpr std::size_t state_width = 15;
constexpr std::size_t patch_width = 24;

void add_line(std::string& text, const process_status& process,
              std::string_view state, std::string_view patch)
{
  std::size_t start = text.size();
  append_decimal(text, static_cast<std::uint64_t>(process.pid));
  pad_to(text, start, pid_width);
  start = text.size();
  text += state;
  pad_to(text, start, state_width);
  start = text.size();
  append_printable(text, patch);
  pad_to(text, start, patch_width);
  append_printable(text, process.program);
  text += '\n';
}

std::string with_version(const patch_status& patch)
{
  return patch.name + ' ' + std::to_string(patch.version);
}

}  // namespace

void show_status_table(const std::vector<process_status>& all, output& out)
{
  std::string& text = out.text();
  text += "pid       state          patch                   program\n";
  std::size_t lacking = 0;
  for (const process_status& process : all) {
    for (const patch_status& patch : process.patches)
      add_line(text, process, state_word(patch), with_version(patch));
    for (const std::string& name : process.lacks)
      add_line(text, process, "lacks", name);
    if (process.patches.empty() && process.lacks.empty())
      add_line(text, process, process.images != 0 ? "unpatched" : "no sites",
               "-");
    lacking += !process.is_in_order();
  }
  text += '\n';
  append_decimal(text, all.size());
  text += all.size() == 1 ? " process, " : " processes, ";
  append_decimal(text, lacking);
  text += " lacking a patch\n";
}

void show_status_json(const std::vector<process_status>& all, output& out)
{
  using json = nlohmann::ordered_json;
  json processes = json::array();
  for (const process_status& process : all) {
    json patches = json::array();
    for (const patch_status& patch : process.patches)
      patches.push_back({{"name", patch.name},
                         {"version", patch.version},
                         {"state", state_word(patch)},
                         {"sequence", patch.sequence},
                         {"path", patch.path}});
    processes.push_back({{"pid", process.pid},
                         {"program", process.program},
                         {"images", process.images},
                         {"patches", std::move(patches)},
                         {"lacks", process.lacks}});
  }
  const json document = {{"version", 1}, {"processes", std::move(processes)}};
  out.text() += json_text(document, 1) + '\n';
}

}  // namespace hotpatch::tools
