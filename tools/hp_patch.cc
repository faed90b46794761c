// hp-patch: makes patch objects from changed source.
//
// SPDX-License-Identifier: MIT
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <optional>
#include <string>
#include <string_view>

#include <argp.h>
#include <unistd.h>

#include "config.h"
#include "format/level.h"
#include "patching/child_commands.h"
#include "patching/patch_making.h"
#include "runtime/base/number.h"
#include "tools/messages.h"
#include "tools/output.h"
#include "tools/patch_report.h"

namespace hotpatch::tools {

namespace {

enum exit_status : int {
  exit_made = 0,
  exit_refused = 1,
  exit_nothing = 3,
};

struct options {
  patching::making_options making;
  std::vector<std::string> explained;
  bool json = false;
};

// --- The command line -------------------------------------------------------

enum : int {
  key_against = 256,
  key_debug,
  key_patch,
  key_source,
  key_name,
  key_version,
  key_description,
  key_level,
  key_needs,
  key_explain,
  key_json,
};

constexpr argp_option option_table[] = {
    {nullptr, 0, nullptr, 0, "What the patch is for:", 1},
    {"against", key_against, "FILE", 0,
     "A program or shared object that was compiled with "
     "-fplugin-arg-hotpatch-baseline, as it runs.  May be repeated",
     1},
    {"debug", key_debug, "FILE", 0,
     "The debug file of the --against before it, if that was stripped and the "
     "debug file is not where debuggers look",
     1},
    {nullptr, 0, nullptr, 0, "What has changed:", 2},
    {"patch", key_patch, "DIFF", 0,
     "A diff, applied to a copy of the sources; without it the tree is taken "
     "as it is",
     2},
    {"source", key_source, "DIR", 0,
     "Where the sources are that DIFF is for, if not here", 2},
    {"commands", 'p', "FILE", 0,
     "compile_commands.json: compile what has changed, without make", 2},
    {"jobs", 'j', "N", 0, "With -p: compile so many sources at a time", 2},
    {nullptr, 0, nullptr, 0, "What the patch says of itself:", 3},
    {"output", 'o', "FILE", 0, "Where it goes, or the directory; NAME.so", 3},
    {"name", key_name, "NAME", 0,
     "Its name, or else that of the program and \"-fix\"", 3},
    {"version", key_version, "N", 0, "Its version, or else 1", 3},
    {"description", key_description, "TEXT", 0, "For people", 3},
    {"level", key_level, "LEVEL", 0,
     "The level at which it is to be applied, if nothing else is asked for", 3},
    {"needs", key_needs, "NAME[:VERSION]", 0,
     "Another patch that has to be applied before.  May be repeated", 3},
    {nullptr, 0, nullptr, 0, "What is printed:", 4},
    {"explain", key_explain, "FUNCTION", 0,
     "What differs in it, with file and line.  May be repeated", 4},
    {"json", key_json, nullptr, 0, "Write one JSON document", 4},
    {"verbose", 'v', nullptr, 0, "Show what the build prints", 4},
    {nullptr, 'V', nullptr, 0, "Print the version of hp-patch", -1},
    {nullptr, 0, nullptr, 0, nullptr, -1},
    {}};

constexpr char synopsis[] =
    "--against=FILE -- MAKE [ARGUMENT...]\n"
    "--against=FILE --patch=DIFF -- MAKE [ARGUMENT...]\n"
    "--against=FILE -p compile_commands.json [SOURCE...]";
constexpr char description[] =
    "Makes a patch object from changed source: compiles what has changed, "
    "compares it with the program, and links what is new.  Nothing that the "
    "tree has is written over.\v"
    "Exit status: 0 a patch was made; 3 nothing has changed; 1 it was refused, "
    "or the build has failed; 64 misuse.";

std::optional<std::uint32_t> parse_version(std::string_view text)
{
  return parse_number<std::uint32_t>(text);
}

void add_need(std::string text, options& chosen, argp_state* state)
{
  std::uint32_t version = 0;
  if (const std::size_t colon = text.rfind(':'); colon != text.npos) {
    const auto number = parse_version(std::string_view(text).substr(colon + 1));
    if (!number)
      argp_error(state, "--needs: '%s' has no number after the colon",
                 text.c_str());
    version = number.value_or(0);
    text.resize(colon);
  }
  if (text.empty())
    argp_error(state, "--needs: no name of a patch");
  chosen.making.needs.emplace_back(text, version);
}

// What can be said of the command line as a whole.
void check(const options& chosen, argp_state* state)
{
  const patching::making_options& making = chosen.making;
  if (making.against.empty())
    argp_error(state, "no --against: name the program as it runs");
  if (making.database.empty() && !making.files.empty())
    argp_error(state,
               "'%s': the command of the build comes after \"--\"; sources "
               "are named with -p",
               making.files.front().c_str());
  if (making.database.empty() && making.build.empty())
    argp_error(state,
               "no build: give its command after \"--\", as in -- make, or "
               "name a compile_commands.json with -p");
  if (!making.database.empty() && !making.build.empty())
    argp_error(state, "give either a build after \"--\" or -p, not both");
  if (!making.database.empty() && !making.diff.empty())
    argp_error(state,
               "--patch builds a copy of the sources, of which %s says "
               "nothing; give a build after \"--\" instead",
               making.database.c_str());
  if (making.diff.empty() && !making.source.empty())
    argp_error(state, "--source is for --patch");
}

error_t parse_number_option(int key, char* argument, options& chosen,
                            argp_state* state)
{
  if (key == key_version) {
    chosen.making.version = parse_version(argument);
    if (!chosen.making.version)
      argp_error(state, "--version: '%s' is not a number", argument);
    return 0;
  }
  const auto jobs = parse_number<std::size_t>(argument);
  if (!jobs || *jobs == 0)
    argp_error(state, "--jobs: '%s' is not a number above 0", argument);
  chosen.making.jobs = jobs.value_or(1);
  return 0;
}

error_t parse_one(int key, char* argument, argp_state* state)
{
  auto& chosen = *static_cast<options*>(state->input);
  patching::making_options& making = chosen.making;
  switch (key) {
    case key_against:
      making.against.push_back({argument, ""});
      break;
    case key_debug:
      if (making.against.empty())
        argp_error(state, "--debug comes after the --against that it is for");
      making.against.back().debug = argument;
      break;
    case key_patch:
      making.diff = argument;
      break;
    case key_source:
      making.source = argument;
      break;
    case 'p':
      making.database = argument;
      break;
    case 'o':
      making.output = argument;
      break;
    case key_name:
      making.name = argument;
      if (making.name.empty() || making.name.find('/') != std::string::npos)
        argp_error(state, "--name: '%s' is no name of a patch", argument);
      break;
    case key_version:
    case 'j':
      return parse_number_option(key, argument, chosen, state);
    case key_description:
      making.description = argument;
      break;
    case key_level:
      if (!format::parse_level(argument, making.level))
        argp_error(state, "--level: '%s' is not %s", argument,
                   format::level_choices);
      break;
    case key_needs:
      add_need(argument, chosen, state);
      break;
    case key_explain:
      chosen.explained.emplace_back(argument);
      break;
    case key_json:
      chosen.json = true;
      break;
    case 'V':
      std::puts("hp-patch (" PACKAGE_NAME ") " PACKAGE_VERSION);
      std::exit(0);
    case 'v':
      making.shown.shows_output = true;
      break;
    case ARGP_KEY_ARG:
      making.files.emplace_back(argument);
      break;
    case ARGP_KEY_END:
      check(chosen, state);
      break;
    default:
      return ARGP_ERR_UNKNOWN;
  }
  return 0;
}

// What follows "--" is the build's, whatever it looks like.  Leaves the program
// for --help and misuse, as argp does.
options parse_options(int argc, char** argv)
{
  constexpr argp parser = {option_table, parse_one, synopsis, description,
                           nullptr,      nullptr,   nullptr};
  options chosen;
  int own = 1;
  while (own < argc && std::strcmp(argv[own], "--") != 0)
    ++own;
  for (int i = own + 1; i < argc; ++i)
    chosen.making.build.emplace_back(argv[i]);
  // --version has a value here, and alone it is what it is for other tools.
  char own_version[] = "-V";
  if (argc == 2 && std::strcmp(argv[1], "--version") == 0)
    argv[1] = own_version;
  argp_parse(&parser, own, argv, 0, nullptr, &chosen);
  chosen.making.shown.shows_progress = isatty(STDERR_FILENO) != 0;
  return chosen;
}

// --- The work ---------------------------------------------------------------

void print(const std::string& text)
{
  output out(STDOUT_FILENO);
  out.text() = text;
  out.flush();
}

void print_lines(const std::string& text)
{
  print_line(stdout, std::string_view(text).substr(
                         0, text.empty() ? 0 : text.size() - 1));
}

int show(const options& chosen, const patching::made_patches& made)
{
  const bool any = !made.patches.empty();
  if (chosen.json) {
    print(report_json(made));
  } else {
    print_lines(any ? report_text(made) : nothing_text(made));
    if (!chosen.explained.empty())
      print_lines(explanation_text(made, chosen.explained));
  }
  return any ? exit_made : exit_nothing;
}

int refuse(const options& chosen, const std::vector<std::string>& reasons)
{
  if (chosen.json)
    print(refusal_json(reasons));
  for (const std::string& each : reasons)
    complain("hp-patch", each);
  return exit_refused;
}

int make(const options& chosen)
{
  try {
    return show(chosen, patching::make_patches(chosen.making));
  } catch (const patching::refused& failure) {
    return refuse(chosen, failure.reasons());
  } catch (const patching::build_failed& failure) {
    std::fwrite(failure.log().data(), 1, failure.log().size(), stderr);
    return refuse(chosen, {failure.what()});
  } catch (const patching::interrupted&) {
    throw;
  } catch (const tool_error& failure) {
    return refuse(chosen, {failure.what()});
  }
}

// As a program ends that does not know the signal.
[[noreturn]] void end_by(int signal)
{
  std::signal(signal, SIG_DFL);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  sigprocmask(SIG_UNBLOCK, &set, nullptr);
  raise(signal);
  _exit(128 + signal);
}

}  // namespace

}  // namespace hotpatch::tools

int main(int argc, char** argv)
{
  using namespace hotpatch;
  using namespace hotpatch::tools;
  tell_of_shortened_files("hp-patch", exit_refused);
  const options chosen = parse_options(argc, argv);
  int signal = 0;
  try {
    const patching::waiting_signals signals;
    return make(chosen);
  } catch (const patching::interrupted& reason) {
    complain("hp-patch", reason.what());
    signal = reason.signal();
  } catch (const std::exception& failure) {
    complain("hp-patch", failure.what());
    return exit_refused;
  }
  end_by(signal);
}
