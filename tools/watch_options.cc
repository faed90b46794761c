// The command line of hp-watch, by argp.
//
// SPDX-License-Identifier: MIT
#include "tools/watch_options.h"

#include <algorithm>

#include <argp.h>

namespace hotpatch::tools {

namespace {

constexpr argp_option option_table[] = {
    {"interval", 'i', "SECONDS", 0,
     "How often to look at the directories and processes; the default is 1", 1},
    {}};

constexpr char description[] =
    "Applies the patch objects of directories, *.so in the order of their "
    "names, to running processes and to those that start later.  A patch has "
    "to state the build that it is for.\v"
    "Exit status: 0 a signal told it to exit; 1 a directory cannot be used; 3 "
    "a "
    "file became shorter while it was read; 64 misuse.";

constexpr std::int64_t shortest_interval_ms = 10;

error_t parse_one(int key, char* argument, argp_state* state)
{
  auto& chosen = *static_cast<watch_options*>(state->input);
  switch (key) {
    case ARGP_KEY_INIT:
      state->child_inputs[0] = &chosen.how;
      break;
    case 'i':
      chosen.interval_ms = std::max(parse_seconds("interval", argument, state),
                                    shortest_interval_ms);
      break;
    case ARGP_KEY_ARG:
      chosen.directories.emplace_back(argument);
      break;
    case ARGP_KEY_END:
      if (chosen.directories.empty())
        argp_error(state, "no directory is named");
      break;
    default:
      return ARGP_ERR_UNKNOWN;
  }
  return 0;
}

}  // namespace

// Others wait while one process is busy.
constexpr std::int64_t default_timeout_ms = 1'000;

watch_options parse_watch_options(int argc, char** argv)
{
  constexpr argp_child children[] = {{&how_parser, 0, nullptr, 0}, {}};
  const argp parser = {option_table, parse_one, "DIRECTORY...", description,
                       children,     nullptr,   nullptr};
  watch_options chosen;
  chosen.how.settings.timeout_ms = default_timeout_ms;
  argp_parse(&parser, argc, argv, 0, nullptr, &chosen);
  return chosen;
}

}  // namespace hotpatch::tools
