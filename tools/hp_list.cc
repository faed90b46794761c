// hp-list: shows the patch sites of files and running processes.
//
// Its command line, by argp; then reading, selecting and showing, file by file
// or image by image; and an exit status for all.
//
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <string_view>
#include <utility>

#include <argp.h>
#include <unistd.h>

#include "config.h"
#include "processes/errors.h"
#include "processes/proc_file.h"
#include "processes/process_list.h"
#include "processes/text.h"
#include "tools/json_view.h"
#include "tools/list_sites.h"
#include "tools/list_unprepared.h"
#include "tools/listing.h"
#include "tools/messages.h"
#include "tools/selection.h"
#include "tools/text_views.h"

namespace hotpatch::tools {

namespace {

// --- The command line -------------------------------------------------------

enum : int { key_colour = 256, key_unprepared };

constexpr argp_option option_table[] = {
    {nullptr, 0, nullptr, 0, "What to look at:", 1},
    {"pid", 'p', "PID", 0,
     "Show the sites of a running process and what each is patched to", 1},
    {"match", 'm', "GLOB", 0,
     "Only sites whose assembler name, demangled name (with or without its "
     "parameters), source file (conn.c) or both (conn.c:reset) matches; may be "
     "repeated",
     1},
    {"unprepared", key_unprepared, nullptr, 0,
     "Show the functions that have no site, each with the way in which it can "
     "be replaced all the same, or the reason why it cannot",
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

void check_options(const options& chosen, argp_state* state)
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
    case key_unprepared:
      chosen.unprepared = true;
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
      check_options(chosen, state);
      break;
    default:
      return ARGP_ERR_UNKNOWN;
  }
  return 0;
}

// Leaves the program for --help, --version and misuse, as argp does.
options parse_options(int argc, char** argv)
{
  constexpr argp parser = {option_table, parse_one, synopsis, description,
                           nullptr,      nullptr,   nullptr};
  options chosen;
  argp_parse(&parser, argc, argv, 0, nullptr, &chosen);
  return chosen;
}

// --- The work ---------------------------------------------------------------

// How many sites are in which state, for the last line about a process.
struct state_counts {
  std::size_t images = 0;
  std::size_t sites = 0;
  std::size_t by_form[4] = {};
};

std::string no_sites(bool unfinished)
{
  if (unfinished)
    return ": has no .hotpatch section; its code, and the sites in it, are "
           "made when it is linked (link-time optimisation): list what it is "
           "linked to";
  return ": has no .hotpatch section, so no function in it can be patched; "
         "compile it with -fplugin=hotpatch.so";
}

class lister {
 public:
  lister(const options& chosen, int descriptor)
      : chosen_(chosen),
        paint_(choose_colours(chosen.colour, descriptor)),
        out_(descriptor)
  {
    if (chosen.shown == view::json)
      json_ = std::make_unique<json_document>(out_, chosen.pid);
  }

  void list_file(const std::string& path);
  void list_process();
  exit_status finish();

 private:
  void show_listing(listing& shown);
  void show_text(const listing& shown, const selection& rows);
  void heading(const listing& shown);
  void summary();
  void report_problem(const std::string& path, const std::string& message,
                      exit_status status);

  const options& chosen_;
  const colours& paint_;
  output out_;
  std::unique_ptr<json_document> json_;
  std::size_t matching_ = 0;  // sites shown for the current file
  bool blank_line_ = false;   // between two images
  state_counts counts_;
  exit_status status_ = exit_listed;
};

void lister::report_problem(const std::string& path, const std::string& message,
                            exit_status status)
{
  out_.flush();
  complain("hp-list", message);
  if (json_ && status == exit_error)
    json_->add_problem(path, message);
  status_ = std::max(status_, status);
}

void lister::heading(const listing& shown)
{
  bool several = chosen_.files.size() > 1 || !shown.member.empty();
  if (!several && chosen_.pid == 0)
    return;
  std::string& text = out_.text();
  if (blank_line_)
    text += '\n';
  blank_line_ = true;
  text += paint_.title;
  append_printable(text, shown.title());
  text += ':';
  text += paint_.reset;
  text += '\n';
}

void lister::show_text(const listing& shown, const selection& rows)
{
  heading(shown);
  if (chosen_.shown == view::detail)
    show_detail(shown, rows, paint_, out_);
  else
    show_table(shown, rows, {chosen_.demangle, paint_}, out_);
}

void lister::show_listing(listing& shown)
{
  if (needs_demangled(chosen_))
    demangle_names(shown);
  selection rows = select_rows(shown, chosen_);
  matching_ += rows.size();
  ++counts_.images;
  counts_.sites += rows.size();
  if (shown.is_live())
    for (std::uint32_t number : rows)
      ++counts_.by_form[static_cast<unsigned>(shown.live[number].form)];
  if (chosen_.shown == view::count || rows.empty())
    return;
  if (json_)
    json_->add(shown, rows);
  else
    show_text(shown, rows);
}

void lister::list_file(const std::string& path)
{
  matching_ = 0;
  try {
    file_content found = read_file(path);
    for (listing& one : found.images)
      show_listing(one);
    if (chosen_.shown == view::count) {
      std::string& text = out_.text();
      if (chosen_.files.size() > 1) {
        append_printable(text, path);
        text += ": ";
      }
      append_decimal(text, matching_);
      text += '\n';
    }
    if (found.images.empty())
      report_problem(path, path + no_sites(found.unfinished), exit_no_sites);
    else if (matching_ == 0)
      report_problem(path, path + ": no site matches", exit_no_sites);
  } catch (const output_error&) {
    throw;
  } catch (const std::exception& failure) {
    report_problem(path, failure.what(), exit_error);
  }
}

void lister::summary()
{
  auto part = [this](word_form form) {
    append_decimal(out_.text(), counts_.by_form[static_cast<unsigned>(form)]);
  };
  std::string& text = out_.text();
  append_decimal(text, counts_.sites);
  text += counts_.sites == 1 ? " site in " : " sites in ";
  append_decimal(text, counts_.images);
  text += counts_.images == 1 ? " image: " : " images: ";
  part(word_form::pristine);
  text += " original, ";
  part(word_form::near);
  text += " patched near, ";
  part(word_form::far);
  text += " patched far, ";
  part(word_form::foreign);
  text += " foreign\n";
}

void lister::list_process()
{
  std::string path = proc_path(chosen_.pid);
  try {
    live_process process(chosen_.pid);
    process.for_each_image(
        [this](listing& shown) { show_listing(shown); },
        [this](const std::string& image, const std::string& message) {
          report_problem(image, message, exit_error);
        });
  } catch (const output_error&) {
    throw;
  } catch (const std::exception& failure) {
    report_problem(path, process_lines(chosen_.pid, failure.what()),
                   exit_error);
    return;
  }
  if (counts_.images == 0 && status_ == exit_listed)
    report_problem(
        path,
        process_text(chosen_.pid) +
            ": no image has a .hotpatch section, so none of its functions "
            "can be patched; compile it with -fplugin=hotpatch.so",
        exit_no_sites);
  else if (counts_.sites == 0 && status_ == exit_listed)
    report_problem(path, process_text(chosen_.pid) + ": no site matches",
                   exit_no_sites);
  if (json_)
    return;
  if (chosen_.shown == view::count) {
    append_decimal(out_.text(), counts_.sites);
    out_.text() += '\n';
  } else if (counts_.images != 0) {
    out_.text() += chosen_.shown == view::table ? "\n" : "";
    summary();
  }
}

exit_status lister::finish()
{
  if (json_)
    json_->finish();
  out_.flush();
  return status_;
}

// Writes the listing to `descriptor` and problems to the standard error. Throws
// output_error.
exit_status list_sites(const options& chosen, int descriptor)
{
  lister work(chosen, descriptor);
  if (chosen.pid != 0)
    work.list_process();
  else
    for (const std::string& path : chosen.files)
      work.list_file(path);
  return work.finish();
}

}  // namespace

}  // namespace hotpatch::tools

const char* argp_program_version =
    "hp-list (" PACKAGE_NAME ") " PACKAGE_VERSION;

int main(int argc, char** argv)
{
  using namespace hotpatch::tools;
  try {
    tell_of_shortened_files("hp-list", exit_error);
    options chosen = parse_options(argc, argv);
    return chosen.unprepared ? list_unprepared(chosen, STDOUT_FILENO)
                             : list_sites(chosen, STDOUT_FILENO);
  } catch (const output_error& failure) {
    // A reader that has seen enough ("hp-list x | head") is no error.
    if (failure.error() != EPIPE)
      complain("hp-list", failure.what());
    return exit_error;
  } catch (const std::exception& failure) {
    complain("hp-list", failure.what());
    return exit_error;
  }
}
