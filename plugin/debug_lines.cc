// The first entry of a function's line table, by which debuggers find the place
// where its parameters can be read.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/debug_lines.h"

#include "plugin/options.h"

namespace hotpatch {

namespace {

gcc_debug_hooks hooks;
decltype(gcc_debug_hooks::begin_prologue) print_prologue;

// The function whose first line has been printed.
tree begun = NULL_TREE;

bool has_first_line()
{
  return prints_dwarf() && debug_info_level >= DINFO_LEVEL_TERSE &&
         !DECL_IGNORED_P(current_function_decl) &&
         LOCATION_FILE(prologue_location) && current_options().with.lines;
}

// Without a file GCC prints no line.
void begin_prologue(unsigned line, unsigned column, const char* file)
{
  print_prologue(line, column, begun == current_function_decl ? nullptr : file);
  begun = NULL_TREE;
}

// GCC chooses its hooks when it has read its options.
void start_unit(void*, void*)
{
  hooks = *debug_hooks;
  print_prologue = hooks.begin_prologue;
  hooks.begin_prologue = begin_prologue;
  debug_hooks = &hooks;
}

}  // namespace

bool line_begins_before_symbol()
{
  return has_first_line() && !flag_var_tracking;
}

void print_first_line()
{
  begun = current_function_decl;
  constexpr int discriminator = 0;
  constexpr bool is_statement = false;
  debug_hooks->source_line(
      static_cast<unsigned>(LOCATION_LINE(prologue_location)),
      static_cast<unsigned>(LOCATION_COLUMN(prologue_location)),
      LOCATION_FILE(prologue_location), discriminator, is_statement);
}

std::string line_at(const std::string& label)
{
  return "\t.loc_mark_labels 1\n" + label + ":\n\t.loc_mark_labels 0\n";
}

std::string line_at_symbol(const std::string& label)
{
  return has_first_line() && !line_begins_before_symbol() ? line_at(label) : "";
}

void register_debug_lines(const char* plugin_name)
{
  register_callback(plugin_name, PLUGIN_START_UNIT, start_unit, NULL);
}

}  // namespace hotpatch
