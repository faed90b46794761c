// The command line of hp-apply and hp-revert, by argp.
//
// SPDX-License-Identifier: MIT
#include "tools/change_options.h"

#include <cstdint>

#include <argp.h>

#include "processes/all_processes.h"
#include "tools/how_options.h"

namespace hotpatch::tools {

namespace {

enum : int { key_all = 256, key_control };

constexpr argp_option option_table[] = {
    {nullptr, 0, nullptr, 0, "Which processes:", 1},
    {"all-processes-of", key_all, "PROGRAM", 0,
     "Every process that executes this file, instead of PID", 1},
    {"wait", 'w', nullptr, 0,
     "Wait for threads as long as it takes, and not only 10 seconds", 2},
    {"control", key_control, "SOCKET", 0,
     "Where the process offers its control socket, if that is not the usual "
     "place",
     2},
    {nullptr, 0, nullptr, 0, nullptr, -1},
    {}};

constexpr char apply_synopsis[] =
    "PID FILE...\n--all-processes-of=PROGRAM FILE...";
constexpr char apply_description[] =
    "Applies patch objects to a running process, which need not know of it.\v"
    "Exit status: 0 the patch is applied; 1 it was refused, nothing was "
    "changed; 2 a thread did not leave a function in time, nothing was "
    "changed; 3 a file became shorter while it was read; 4 a failure could not "
    "be "
    "undone, "
    "and what the process holds is said; 64 misuse.";
constexpr char revert_synopsis[] =
    "PID NAME...\n--all-processes-of=PROGRAM NAME...";
constexpr char revert_description[] =
    "Takes patches away from a running process.\v"
    "Exit status: 0 the patch is reverted; 1 it was refused, nothing was "
    "changed; 2 a thread did not leave a function in time, nothing was "
    "changed; 3 a file became shorter while it was read; 4 a failure could not "
    "be "
    "undone, "
    "and what the process holds is said; 64 misuse.";

constexpr std::int64_t for_ever_ms = std::int64_t{1} << 40;

void add_argument(const char* text, change_options& chosen, argp_state* state)
{
  if (chosen.pid != 0 || !chosen.program.empty()) {
    chosen.patches.emplace_back(text);
    return;
  }
  chosen.pid = parse_process_id(text).value_or(0);
  if (chosen.pid == 0)
    argp_error(state, "'%s' is not a process id", text);
}

error_t parse_one(int key, char* argument, argp_state* state)
{
  auto& chosen = *static_cast<change_options*>(state->input);
  switch (key) {
    case ARGP_KEY_INIT:
      state->child_inputs[0] = &chosen.how;
      break;
    case key_all:
      chosen.program = argument;
      break;
    case 'w':
      chosen.how.settings.timeout_ms = for_ever_ms;
      break;
    case key_control:
      chosen.how.control.path = argument;
      break;
    case ARGP_KEY_ARG:
      add_argument(argument, chosen, state);
      break;
    case ARGP_KEY_END:
      if (chosen.pid == 0 && chosen.program.empty())
        argp_error(state, "no PID and no --all-processes-of");
      if (chosen.patches.empty())
        argp_error(state, "no patch is named");
      break;
    default:
      return ARGP_ERR_UNKNOWN;
  }
  return 0;
}

}  // namespace

change_options parse_change_options(change_kind kind, int argc, char** argv)
{
  const bool apply = kind == change_kind::apply;
  constexpr argp_child children[] = {{&how_parser, 0, nullptr, 0}, {}};
  const argp parser = {option_table,
                       parse_one,
                       apply ? apply_synopsis : revert_synopsis,
                       apply ? apply_description : revert_description,
                       children,
                       nullptr,
                       nullptr};
  change_options chosen;
  argp_parse(&parser, argc, argv, 0, nullptr, &chosen);
  return chosen;
}

}  // namespace hotpatch::tools
