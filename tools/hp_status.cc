// hp-status: shows which patches running processes have and which they lack.
//
// Its command line, by argp; then a survey, in which no process can keep
// another one from being shown; then the table or the JSON document.
//
// SPDX-License-Identifier: MIT
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <argp.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "config.h"
#include "processes/errors.h"
#include "processes/incarnation.h"
#include "processes/process_list.h"
#include "processes/text.h"
#include "tools/json_view.h"
#include "tools/messages.h"
#include "tools/output.h"
#include "tools/process_status.h"
#include "tools/process_tasks.h"

const char* argp_program_version =
    "hp-status (" PACKAGE_NAME ") " PACKAGE_VERSION;

namespace {

using namespace hotpatch;
using namespace hotpatch::tools;

// --- The command line -------------------------------------------------------

enum : int { key_all = 256 };

// Documented in hp-status(1).
enum status_exit : int {
  all_patched = 0,
  some_lack = 1,
  not_readable = 2,
};

constexpr argp_option option_table[] = {
    {"all-processes-of", key_all, "PROGRAM", 0,
     "Every process that executes this file", 0},
    {"patch", 'p', "NAME", 0,
     "Every process shown has to have this patch; may be repeated", 0},
    {"json", 'j', nullptr, 0, "Write one JSON document", 0},
    {}};

constexpr char description[] =
    "Shows which patches running processes have, and which they lack.  Without "
    "PID, of every process that has patch sites.\v"
    "A process lacks a patch that --patch names, or, without that, one which "
    "another process of the same program has.\n\n"
    "Exit status: 0 no process lacks a patch, and none is half applied; 1 some "
    "do; 2 a process cannot be read; 64 misuse.";

struct status_options {
  std::vector<pid_t> pids;
  std::string program;
  std::vector<std::string> wanted;
  bool json = false;
};

error_t parse_one(int key, char* argument, argp_state* state)
{
  auto& chosen = *static_cast<status_options*>(state->input);
  switch (key) {
    case key_all:
      chosen.program = argument;
      break;
    case 'p':
      chosen.wanted.emplace_back(argument);
      break;
    case 'j':
      chosen.json = true;
      break;
    case ARGP_KEY_ARG: {
      const auto pid = parse_process_id(argument);
      if (!pid)
        argp_error(state, "'%s' is not a process id", argument);
      chosen.pids.push_back(*pid);
      break;
    }
    default:
      return ARGP_ERR_UNKNOWN;
  }
  return 0;
}

// --- The survey -------------------------------------------------------------

// How long one process may be looked at, in milliseconds.
constexpr std::int64_t longest_ms = 30'000;

// From a task to its starter: numbers, and texts after their lengths.
void pack(std::string& into, std::uint64_t number)
{
  into.append(reinterpret_cast<const char*>(&number), sizeof number);
}
void pack(std::string& into, const std::string& text)
{
  pack(into, std::uint64_t{text.size()});
  into += text;
}

class unpacker {
 public:
  explicit unpacker(std::string_view packed) : rest_(packed) {}

  std::uint64_t number()
  {
    std::uint64_t value = 0;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  std::string text() { return std::string(take(number())); }

 private:
  std::string_view take(std::uint64_t size)
  {
    if (size > rest_.size())
      throw tool_error("what a task has found out is not whole");
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  std::string_view rest_;
};

std::string packed(const process_status& status)
{
  std::string text;
  pack(text, status.program);
  pack(text, std::uint64_t{status.images});
  pack(text, std::uint64_t{status.patches.size()});
  for (const patch_status& each : status.patches) {
    pack(text, each.name);
    pack(text, std::uint64_t{each.version});
    pack(text, static_cast<std::uint64_t>(each.phase));
    pack(text, each.sequence);
    pack(text, each.path);
    pack(text, std::uint64_t{each.lost});
  }
  pack(text, std::uint64_t{status.damages.size()});
  for (const std::string& each : status.damages)
    pack(text, each);
  return text;
}

process_status unpacked(pid_t pid, std::string_view text)
{
  unpacker from(text);
  process_status status;
  status.pid = pid;
  status.program = from.text();
  status.images = from.number();
  for (std::uint64_t left = from.number(); left > 0; --left) {
    patch_status each;
    each.name = from.text();
    each.version = static_cast<std::uint32_t>(from.number());
    each.phase = static_cast<format::patch_phase>(from.number());
    each.sequence = from.number();
    each.path = from.text();
    each.lost = from.number() != 0;
    status.patches.push_back(std::move(each));
  }
  for (std::uint64_t left = from.number(); left > 0; --left)
    status.damages.push_back(from.text());
  return status;
}

// Looks at processes, each in a task: none can keep the others from being
// shown.
class survey {
 public:
  explicit survey(bool of_all) : of_all_(of_all) {}

  void add(pid_t pid);
  std::vector<process_status> take();
  bool all_were_read() const { return all_were_read_; }

 private:
  void end_task(pid_t pid, const task_result& result);
  void complain_of(pid_t pid, const std::string& reason);

  const bool of_all_;
  bool all_were_read_ = true;
  process_tasks tasks_{longest_ms};
  std::vector<pid_t> order_;
  std::map<pid_t, process_status> found_;
};

void survey::complain_of(pid_t pid, const std::string& reason)
{
  complain("hp-status", process_lines(pid, reason));
  all_were_read_ = false;
}

void survey::add(pid_t pid)
{
  // Asking a process takes longer than reading it.
  const auto read = of_all_ ? read_status_of_many : read_process_status;
  order_.push_back(pid);
  try {
    tasks_.start(
        [read, pid](std::string& back) {
          back = packed(read(pid));
          return 0;
        },
        [this, pid](const task_result& result) { end_task(pid, result); });
  } catch (const std::exception& reason) {
    complain_of(pid, reason.what());
  }
}

void survey::end_task(pid_t pid, const task_result& result)
{
  try {
    if (!result.failure.empty())
      throw tool_error(result.failure);
    process_status status = unpacked(pid, result.back);
    if (!of_all_ || status.images != 0 || !status.patches.empty())
      found_[pid] = std::move(status);
  } catch (const std::exception& reason) {
    // Of all, those that belong to other users, or have ended, are left out.
    if (!of_all_ || result.was_cut_off)
      complain_of(pid, reason.what());
  }
}

// In the order in which they were added.
std::vector<process_status> survey::take()
{
  while (!tasks_.is_idle())
    tasks_.wait(longest_ms);
  std::vector<process_status> all;
  for (const pid_t pid : order_)
    if (const auto found = found_.find(pid); found != found_.end())
      all.push_back(found->second);
  return all;
}

// --- The two forms ----------------------------------------------------------

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
                         {"lacks", process.lacks},
                         {"damages", process.damages}});
  }
  const json document = {{"version", 1}, {"processes", std::move(processes)}};
  out.text() += json_text(document, 1) + '\n';
}

int show_status(status_options chosen)
{
  const bool of_all = chosen.pids.empty() && chosen.program.empty();
  if (!chosen.program.empty())
    chosen.pids = processes_of(chosen.program);
  if (of_all)
    chosen.pids = all_processes();
  survey processes(of_all);
  for (const pid_t pid : chosen.pids)
    if (!of_all || incarnation_of(pid))  // no kernel threads
      processes.add(pid);
  std::vector<process_status> shown = processes.take();
  find_lacking(shown, chosen.wanted);
  int result = processes.all_were_read() ? all_patched : not_readable;
  for (const process_status& each : shown)
    if (!each.is_in_order() && result == all_patched)
      result = some_lack;
  output out(STDOUT_FILENO);
  if (chosen.json)
    show_status_json(shown, out);
  else
    show_status_table(shown, out);
  for (const process_status& each : shown)
    for (const std::string& damage : each.damages)
      if (!chosen.json)
        complain("hp-status", process_lines(each.pid, "warning: " + damage));
  out.flush();
  return result;
}

}  // namespace

int main(int argc, char** argv)
{
  const argp parser = {option_table, parse_one, "[PID...]", description,
                       nullptr,      nullptr,   nullptr};
  status_options chosen;
  tell_of_shortened_files("hp-status", not_readable);
  argp_parse(&parser, argc, argv, 0, nullptr, &chosen);
  try {
    return show_status(std::move(chosen));
  } catch (const std::exception& failure) {
    complain("hp-status", failure.what());
    return not_readable;
  }
}
