// The command line of hp-apply and hp-revert, by argp.
//
// SPDX-License-Identifier: MIT
#include "tools/change_options.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string_view>

#include <argp.h>

#include "config.h"

namespace hotpatch::tools {

namespace {

enum : int { key_all = 256, key_control, key_trace };

constexpr argp_option option_table[] = {
    {nullptr, 0, nullptr, 0, "Which processes:", 1},
    {"all-processes-of", key_all, "PROGRAM", 0,
     "Every process that executes this file, instead of PID", 1},
    {nullptr, 0, nullptr, 0, "How:", 2},
    {"level", 'l', "LEVEL", 0,
     "quiescent: when no thread is inside a function that changes; immediate: "
     "now; through a control socket also strict and safepoint.  If not given, "
     "what the patch states, or quiescent",
     2},
    {"timeout", 't', "SECONDS", 0,
     "How long to wait for threads, 10 if not given", 2},
    {"wait", 'w', nullptr, 0, "Wait for threads as long as it takes", 2},
    {"dry-run", 'n', nullptr, 0, "Check everything and change nothing", 2},
    {"control", key_control, "SOCKET", 0,
     "Where the process offers its control socket, if that is not the usual "
     "place",
     2},
    {"trace", key_trace, nullptr, 0,
     "Trace the process even if it offers a control socket", 2},
    {"verbose", 'v', nullptr, 0, "Tell what is done", 2},
    {nullptr, 0, nullptr, 0, nullptr, -1},
    {}};

constexpr char apply_synopsis[] =
    "PID FILE...\n--all-processes-of=PROGRAM FILE...";
constexpr char apply_description[] =
    "Applies patch objects to a running process, which need not know of it.\v"
    "Exit status: 0 the patch is applied; 1 it was refused, nothing was "
    "changed; 2 a thread did not leave a function in time, nothing was "
    "changed; 64 misuse.";
constexpr char revert_synopsis[] =
    "PID NAME...\n--all-processes-of=PROGRAM NAME...";
constexpr char revert_description[] =
    "Takes patches away from a running process.\v"
    "Exit status: 0 the patch is reverted; 1 it was refused, nothing was "
    "changed; 2 a thread did not leave a function in time, nothing was "
    "changed; 64 misuse.";

constexpr std::int64_t for_ever_ms = std::int64_t{1} << 40;

template <typename Number>
bool parse_number(std::string_view text, Number& value)
{
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

void parse_level(std::string_view text, change_options& chosen,
                 argp_state* state)
{
  constexpr std::string_view levels[] = {"quiescent", "immediate", "strict",
                                         "safepoint"};
  if (std::find(std::begin(levels), std::end(levels), text) == std::end(levels))
    argp_error(state,
               "--level: '%s' is not quiescent, immediate, strict or safepoint",
               text.data());
  if (text == "quiescent")
    chosen.settings.level = outside::change_level::quiescent;
  if (text == "immediate")
    chosen.settings.level = outside::change_level::immediate;
  chosen.control.level = text;
}

void parse_timeout(std::string_view text, change_options& chosen,
                   argp_state* state)
{
  double seconds = 0;
  if (!parse_number(text, seconds) || !(seconds >= 0 && seconds < 1e9))
    argp_error(state, "--timeout: '%s' is not a number of seconds",
               text.data());
  chosen.settings.timeout_ms = static_cast<std::int64_t>(seconds * 1000);
}

void add_argument(const char* text, change_options& chosen, argp_state* state)
{
  if (chosen.pid != 0 || !chosen.program.empty()) {
    chosen.patches.emplace_back(text);
    return;
  }
  if (!parse_number(text, chosen.pid) || chosen.pid <= 0)
    argp_error(state, "'%s' is not a process id", text);
}

error_t parse_one(int key, char* argument, argp_state* state)
{
  auto& chosen = *static_cast<change_options*>(state->input);
  switch (key) {
    case key_all:
      chosen.program = argument;
      break;
    case 'l':
      parse_level(argument, chosen, state);
      break;
    case 't':
      parse_timeout(argument, chosen, state);
      break;
    case 'w':
      chosen.settings.timeout_ms = for_ever_ms;
      break;
    case 'n':
      chosen.settings.dry_run = true;
      break;
    case key_control:
      chosen.control.path = argument;
      break;
    case key_trace:
      chosen.traces = true;
      break;
    case 'v':
      chosen.verbose = true;
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
  const argp parser = {option_table,
                       parse_one,
                       apply ? apply_synopsis : revert_synopsis,
                       apply ? apply_description : revert_description,
                       nullptr,
                       nullptr,
                       nullptr};
  change_options chosen;
  argp_parse(&parser, argc, argv, 0, nullptr, &chosen);
  return chosen;
}

}  // namespace hotpatch::tools
