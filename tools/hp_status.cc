// hp-status: shows which patches running processes have, and who lacks one.
//
// SPDX-License-Identifier: MIT
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include <argp.h>
#include <unistd.h>

#include "config.h"
#include "processes/all_processes.h"
#include "tools/messages.h"
#include "tools/output.h"
#include "tools/process_id.h"
#include "tools/process_status.h"
#include "tools/shortened_files.h"
#include "tools/status_view.h"

const char* argp_program_version =
    "hp-status (" PACKAGE_NAME ") " PACKAGE_VERSION;

namespace {

using namespace hotpatch;
using namespace hotpatch::tools;

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
      pid_t pid = 0;
      if (!parse_process_id(argument, pid))
        argp_error(state, "'%s' is not a process id", argument);
      chosen.pids.push_back(pid);
      break;
    }
    default:
      return ARGP_ERR_UNKNOWN;
  }
  return 0;
}

int show_status(status_options chosen)
{
  if (!chosen.program.empty())
    chosen.pids = processes_of(chosen.program);
  int result = all_patched;
  std::vector<process_status> shown;
  if (chosen.pids.empty() && chosen.program.empty())
    shown = read_all_statuses();
  for (const pid_t pid : chosen.pids) {
    try {
      shown.push_back(read_process_status(pid));
    } catch (const std::exception& failure) {
      complain("hp-status", failure.what());
      result = not_readable;
    }
  }
  find_lacking(shown, chosen.wanted);
  for (const process_status& each : shown)
    if (!each.is_in_order() && result == all_patched)
      result = some_lack;
  output out(STDOUT_FILENO);
  if (chosen.json)
    show_status_json(shown, out);
  else
    show_status_table(shown, out);
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
