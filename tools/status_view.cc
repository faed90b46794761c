// hp-status's table and its JSON document.
//
// SPDX-License-Identifier: MIT
#include "tools/status_view.h"

#include "processes/text.h"
#include "tools/json_writer.h"

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
  json_writer json(out.text());
  json.begin_object();
  json.member("version", std::uint64_t{1});
  json.key("processes");
  json.begin_array();
  for (const process_status& process : all) {
    json.begin_object();
    json.member("pid", static_cast<std::uint64_t>(process.pid));
    json.member("program", process.program);
    json.member("images", std::uint64_t{process.images});
    json.key("patches");
    json.begin_array();
    for (const patch_status& patch : process.patches) {
      json.begin_object();
      json.member("name", patch.name);
      json.member("version", std::uint64_t{patch.version});
      json.member("state", state_word(patch));
      json.member("sequence", patch.sequence);
      json.member("path", patch.path);
      json.end_object();
    }
    json.end_array();
    json.key("lacks");
    json.begin_line_array();
    for (const std::string& name : process.lacks)
      json.value(name);
    json.end_line_array();
    json.end_object();
  }
  json.end_array();
  json.end_object();
  out.text() += '\n';
}

}  // namespace hotpatch::tools
