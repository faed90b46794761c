// What the user asked for with -fplugin-arg-hotpatch-NAME[=VALUE].
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/gcc_compat.h"

#include "plugin/options.h"

#include "format/record.h"

namespace hotpatch {

namespace {

options parsed;

constexpr char help_text[] =
    "hotpatch: options, each as -fplugin-arg-hotpatch-NAME[=VALUE]\n"
    "  match=GLOB  choose functions by assembler name, demangled name (with\n"
    "              or without parameters), source file (conn.c), or both\n"
    "              (conn.c:reset); repeatable; reaches into system headers\n"
    "              only without wildcards\n"
    "  list=FILE   a file of such globs, one a line; # begins a comment\n"
    "  all         choose every function outside system headers\n"
    "  inline      let functions chosen by match, list or all be inlined "
    "within\n"
    "              their unit; hp-list shows where copies are, and a patch\n"
    "              must replace the functions that contain them, too\n"
    "  baseline    write what hp-patch needs to make a patch from changed\n"
    "              source; strip removes it\n"
    "  patch       this is a part of a patch object, though no attribute says\n"
    "              so: what it uses of the program is resolved when it is\n"
    "              loaded\n"
    "  report=FILE append one line for each function: chosen or not, why, and\n"
    "              where copies of it were inlined\n"
    "  warn-refused=no    no warning that a function that matches can have no\n"
    "              site\n"
    "  warn-limits=no     no warning that a replacement may miss calls\n"
    "  warn-copies=no     no warning that a variable of a patch is a new one,\n"
    "              though it looks like one of the program\n"
    "  warn-unmatched     warn of patterns that match no function of a file\n"
    "  verbose     say which functions were chosen and why others were not\n"
    "  version     print the plugin's version\n"
    "  help        print this\n"
    "In the source: __attribute__((hotpatch)) chooses a function, and\n"
    "__attribute__((no_hotpatch)) keeps it out whatever the options say.\n";

std::string_view trim(std::string_view text)
{
  constexpr std::string_view blank = " \t\r";
  const auto first = text.find_first_not_of(blank);
  if (first == text.npos)
    return {};
  return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

bool read_list(const char* path)
{
  std::ifstream file(path);
  if (!file) {
    error("hotpatch: cannot read the list of functions %qs: %m", path);
    return false;
  }
  std::string contents;
  for (std::string line; std::getline(file, line);) {
    contents += line + '\n';
    const std::string_view text(line);
    const std::string_view pattern = trim(text.substr(0, text.find('#')));
    if (!pattern.empty())
      parsed.patterns.emplace_back(std::string(pattern));
  }
  if (file.bad()) {
    error("hotpatch: cannot read the list of functions %qs: %m", path);
    return false;
  }
  parsed.lists.push_back({path, format::type_hash(contents.c_str())});
  return true;
}

bool take_out(std::string_view what)
{
  const struct {
    std::string_view name;
    bool countermeasures::*part;
  } parts[] = {
      {"noipa", &countermeasures::noipa},
      {"noclone", &countermeasures::noclone},
      {"noinline", &countermeasures::noinline},
      {"nothrow", &countermeasures::nothrow},
      {"recursion", &countermeasures::recursion},
      {"one-piece", &countermeasures::one_piece},
      {"align", &countermeasures::align},
      {"id", &countermeasures::id},
      {"lead", &countermeasures::lead},
      {"closed", &countermeasures::closed},
      {"lines", &countermeasures::lines},
      {"reference", &countermeasures::reference},
      {"refusal", &countermeasures::refusal},
      {"own-functions", &countermeasures::own_functions},
      {"virtual-calls", &countermeasures::virtual_calls},
      {"holders", &countermeasures::holders},
      {"moved", &countermeasures::moved},
      {"local-classes", &countermeasures::local_classes},
      {"statics", &countermeasures::statics},
      {"renamed-data", &countermeasures::renamed_data},
      {"literals", &countermeasures::literals},
      {"types", &countermeasures::types},
      {"thunks", &countermeasures::thunks},
      {"initialisers", &countermeasures::initialisers},
  };
  for (const auto& each : parts)
    if (what == each.name) {
      parsed.with.*each.part = false;
      return true;
    }
  error(
      "hotpatch: option %<without%> knows %<noipa%>, %<noclone%>, "
      "%<noinline%>, %<nothrow%>, %<recursion%>, %<one-piece%>, "
      "%<align%>, %<id%>, "
      "%<lead%>, %<lines%>, %<closed%>, %<reference%>, %<refusal%>, "
      "%<own-functions%>, %<virtual-calls%>, %<holders%>, %<moved%>, "
      "%<local-classes%>, %<statics%>, %<renamed-data%>, "
      "%<literals%>, %<types%>, %<thunks%> and %<initialisers%>");
  return false;
}

// "warn-NAME", "warn-NAME=yes" or "warn-NAME=no"; nothing if it is no such.
std::optional<bool> parse_warning(const plugin_argument& argument)
{
  const struct {
    std::string_view name;
    bool options::*value;
  } warnings[] = {
      {"warn-refused", &options::warn_refused},
      {"warn-limits", &options::warn_limits},
      {"warn-copies", &options::warn_copies},
      {"warn-unmatched", &options::warn_unmatched},
  };
  const std::string_view value = argument.value ? argument.value : "yes";
  for (const auto& each : warnings)
    if (argument.key == each.name) {
      parsed.*each.value = value == "yes";
      if (value == "yes" || value == "no")
        return true;
      error("hotpatch: option %qs takes %<yes%> or %<no%>, but was given %qs",
            argument.key, argument.value);
      return false;
    }
  return std::nullopt;
}

bool parse_flag(std::string_view name)
{
  if (name == "all")
    parsed.all = true;
  else if (name == "inline")
    parsed.inlining = true;
  else if (name == "patch")
    parsed.patch = true;
  else if (name == "baseline")
    parsed.baseline = true;
  else if (name == "verbose")
    parsed.verbose = true;
  else if (name == "version")
    fprintf(stderr, "hotpatch %s for GCC %d\n", HP_VERSION,
            GCCPLUGIN_VERSION_MAJOR);
  else if (name == "help")
    fputs(help_text, stderr);
  else
    return false;
  return true;
}

bool takes_value(std::string_view name)
{
  return name == "match" || name == "list" || name == "without" ||
         name == "report";
}

bool parse_option(const plugin_argument& argument)
{
  const std::string_view name = argument.key;
  if (takes_value(name)) {
    if (!argument.value || !*argument.value) {
      error(
          "hotpatch: option %qs needs a value: "
          "%<-fplugin-arg-hotpatch-%s=...%>",
          argument.key, argument.key);
      return false;
    }
    if (name == "list")
      return read_list(argument.value);
    if (name == "without")
      return take_out(argument.value);
    if (name == "report") {
      parsed.report = argument.value;
      return true;
    }
    parsed.patterns.emplace_back(argument.value);
    return true;
  }
  if (const std::optional<bool> good = parse_warning(argument))
    return *good;
  if (parse_flag(name)) {
    if (!argument.value)
      return true;
    error("hotpatch: option %qs takes no value, but was given %qs",
          argument.key, argument.value);
    return false;
  }
  error(
      "hotpatch: there is no option %qs; the options are %<match%>, "
      "%<list%>, %<all%>, %<inline%>, %<baseline%>, %<patch%>, %<report%>, "
      "%<warn-refused%>, "
      "%<warn-limits%>, %<warn-copies%>, %<warn-unmatched%>, %<verbose%>, "
      "%<version%> and "
      "%<help%>",
      argument.key);
  return false;
}

}  // namespace

const options& current_options()
{
  return parsed;
}

bool parse_options(const plugin_name_args& arguments)
{
  bool good = true;
  for (int i = 0; i < arguments.argc; ++i)
    good = parse_option(arguments.argv[i]) && good;
  return good;
}

}  // namespace hotpatch
