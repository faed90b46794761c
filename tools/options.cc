// hp-list's command line, by argp.
//
// SPDX-License-Identifier: MIT
#include "tools/options.h"

#include <cstring>
#include <string_view>
#include <utility>

#include <argp.h>

#include "processes/all_processes.h"

namespace hotpatch::tools {

namespace {

enum : int { key_colour = 256 };

constexpr argp_option option_table[] = {
    {nullptr, 0, nullptr, 0, "What to look at:", 1},
    {"pid", 'p', "PID", 0,
     "Show the sites of a running process and what each is patched to", 1},
    {"match", 'm', "GLOB", 0,
     "Only sites whose assembler name, demangled name (with or without its "
     "parameters), source file (conn.c) or both (conn.c:reset) matches; may be "
     "repeated",
     1},
    {nullptr, 0, nullptr, 0, "How to show it:", 2},
    {"demangle", 'C', nullptr, 0,
     "Show demangled names instead of assembler names", 2},
    {"long", 'l', nullptr, 0, "Show everything a record says, site by site", 2},
    {"json", 'j', nullptr, 0, "Write one JSON document", 2},
    {"count", 'c', nullptr, 0, "Print only how many sites there are", 2},
    {"sort", 's', "KEY", 0,
     "Order the sites of an image by address (default), name, size or file", 2},
    {"reverse", 'r', nullptr, 0, "Reverse the order", 2},
    {"color", key_colour, "WHEN", 0,
     "Colour: auto (default: on a terminal, unless NO_COLOR is set), always "
     "or never",
     2},
    {nullptr, 0, nullptr, 0, nullptr, -1},
    {}};

constexpr char synopsis[] = "FILE...\n--pid=PID";
constexpr char description[] =
    "Lists the patch sites of executables, shared objects, object files, "
    "archives and running processes.\v"
    "Exit status: 0 sites were listed; 1 an image has no sites, or none "
    "matches; 2 a file or process cannot be read or is malformed; 64 misuse.";

template <typename T, std::size_t N>
bool look_up(const char* text, const std::pair<const char*, T> (&table)[N],
             T& value)
{
  for (const auto& [word, meaning] : table)
    if (std::strcmp(word, text) == 0) {
      value = meaning;
      return true;
    }
  return false;
}

constexpr std::pair<const char*, sort_key> sort_words[] = {
    {"address", sort_key::address},
    {"name", sort_key::name},
    {"size", sort_key::size},
    {"file", sort_key::file}};

constexpr std::pair<const char*, colour_mode> colour_words[] = {
    {"auto", colour_mode::automatic},
    {"always", colour_mode::always},
    {"never", colour_mode::never}};

// The three views exclude each other: silently preferring one would surprise.
void choose_view(options& chosen, view wanted, argp_state* state)
{
  if (chosen.shown != view::table && chosen.shown != wanted)
    argp_error(state, "--long, --json and --count exclude each other");
  chosen.shown = wanted;
}

void check(const options& chosen, argp_state* state)
{
  if (chosen.pid != 0 && !chosen.files.empty())
    argp_error(state, "give either files or --pid, not both");
  if (chosen.pid == 0 && chosen.files.empty())
    argp_error(state, "no FILE and no --pid: nothing to list");
}

error_t parse_one(int key, char* argument, argp_state* state)
{
  auto& chosen = *static_cast<options*>(state->input);
  switch (key) {
    case 'p':
      chosen.pid = parse_process_id(argument).value_or(0);
      if (chosen.pid == 0)
        argp_error(state, "--pid: '%s' is not a process id", argument);
      break;
    case 'm':
      chosen.globs.emplace_back(argument);
      break;
    case 'C':
      chosen.demangle = true;
      break;
    case 'l':
      choose_view(chosen, view::detail, state);
      break;
    case 'j':
      choose_view(chosen, view::json, state);
      break;
    case 'c':
      choose_view(chosen, view::count, state);
      break;
    case 's':
      if (!look_up(argument, sort_words, chosen.sort))
        argp_error(state, "--sort: '%s' is not address, name, size or file",
                   argument);
      break;
    case 'r':
      chosen.reverse = true;
      break;
    case key_colour:
      if (!look_up(argument, colour_words, chosen.colour))
        argp_error(state, "--color: '%s' is not auto, always or never",
                   argument);
      break;
    case ARGP_KEY_ARG:
      chosen.files.emplace_back(argument);
      break;
    case ARGP_KEY_END:
      check(chosen, state);
      break;
    default:
      return ARGP_ERR_UNKNOWN;
  }
  return 0;
}

}  // namespace

options parse_options(int argc, char** argv)
{
  constexpr argp parser = {option_table, parse_one, synopsis, description,
                           nullptr,      nullptr,   nullptr};
  options chosen;
  argp_parse(&parser, argc, argv, 0, nullptr, &chosen);
  return chosen;
}

}  // namespace hotpatch::tools
