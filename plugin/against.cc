// Finds out whether a unit is compared with its baseline, and compiles it so.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/against.h"

#include "plugin/against_result.h"
#include "plugin/baseline_change.h"
#include "plugin/body_hash.h"
#include "plugin/cxx.h"
#include "plugin/optimisation.h"
#include "plugin/options.h"
#include "plugin/unit_baseline.h"
#include "plugin/unit_comparison.h"

#include "format/baseline.h"

// Of cc1 and cc1plus; the link-time compiler has no preprocessor in use.
extern cpp_reader* parse_in __attribute__((weak));
extern char flag_no_output __attribute__((weak));

namespace hotpatch {

namespace {

bool compares = false;           // the unit is compiled in this mode
std::string directory;           // of hp-patch
std::optional<found_unit> unit;  // nothing if all of it is new

void start_ipa_passes(void*, void*)
{
  complete_body_hashes();
  if (errorcount == 0)
    compare_unit(unit, directory);
}

// The patch object is a shared object.  Sources see the macros of the options
// that they are compiled with otherwise.
int pic_before;
int pie_before;

void restore_macros(void* file, void*)
{
  static bool restored = false;
  if (restored || !file ||
      strcmp(static_cast<const char*>(file), main_input_filename) != 0)
    return;
  restored = true;
  for (const char* name : {"__pic__", "__PIC__", "__pie__", "__PIE__"})
    cpp_undef(parse_in, name);
  const auto define = [](const char* name, int value) {
    if (value)
      cpp_define(parse_in,
                 (std::string(name) + "=" + std::to_string(value)).c_str());
  };
  define("__pic__", pic_before);
  define("__PIC__", pic_before);
  define("__pie__", pie_before);
  define("__PIE__", pie_before);
}

void compile_for_shared_object()
{
  pic_before = flag_pic;
  pie_before = flag_pie;
  flag_pic = 2;
  flag_pie = 0;
  flag_shlib = 1;
}

// The virtual tables of the unit are the program's.  Of a class in an anonymous
// namespace GCC concludes from a missing table that there are no objects, and
// that calls of its virtual functions are never reached.
void keep_virtual_calls()
{
  if (!current_options().with.virtual_calls)
    return;
  HP_SWITCH_OFF(flag_devirtualize);
  HP_SWITCH_OFF(flag_devirtualize_speculatively);
}

bool print_marker(FILE* out)
{
  return fprintf(out, "%s%s\n", format::against_marker,
                 result_marker().c_str()) >= 0;
}

decltype(targetm.asm_out.file_start) file_start;

void start_with_marker()
{
  print_marker(asm_out_file);
  file_start();
}

decltype(lang_hooks.finish) finish_front_end;

// The preprocessor has written nothing.
void print_only_marker()
{
  finish_front_end();
  const bool to_file =
      asm_file_name && *asm_file_name && strcmp(asm_file_name, "-") != 0;
  FILE* const out = to_file ? fopen(asm_file_name, "w") : stdout;
  const bool written = out && print_marker(out);
  if (!written || (to_file && fclose(out) != 0))
    error("hotpatch: cannot write to %qs: %m", to_file ? asm_file_name : "-");
}

// The files that the unit consists of are known afterwards (-MD), and nothing
// is compiled.
void only_preprocess()
{
  flag_preprocess_only = 1;
  flag_no_output = 1;
  finish_front_end = lang_hooks.finish;
  lang_hooks.finish = print_only_marker;
}

bool refuse_before(const std::string& reason)
{
  refuse_unit(reason);
  finish_result("refused");
  return false;
}

// Whether it has to be compiled, as far as can be told before; the result is
// written otherwise.
bool may_have_changed(const found_unit& found)
{
  if (!found.problem.empty())
    return refuse_before(found.problem);
  if (!found.difference.empty()) {
    note_result("difference", found.difference);
    finish_result("options");
    only_preprocess();
    return false;
  }
  if (!found.baseline.has_same_system_headers())
    return refuse_before(
        "the system headers have changed since the program was compiled; "
        "compile it with these, and restart it");
  if (found.baseline.has_same_files()) {
    finish_result("same");
    only_preprocess();
    return false;
  }
  return true;
}

void note_changes(void*, void*)
{
  if (asm_out_file && !errorcount && !sorrycount && unit)
    print_baseline_change(unit->baseline.hash());
}

void finish_result_of_unit(void*, void*)
{
  finish_result(errorcount || sorrycount ? "refused" : "patch");
}

}  // namespace

void start_against()
{
  directory = against_directory();
  if (directory.empty() || !(is_c() || is_cxx()) || flag_preprocess_only ||
      flag_syntax_only || !main_input_filename)
    return;
  const found_unit found = find_unit(directory);
  const bool is_new = getenv(format::against_new_variable) != nullptr;
  if (found.number.empty() && !is_new) {
    note_new_source(directory);
    return;
  }
  begin_result(directory, is_new ? "new" : found.number);
  compares = is_new || may_have_changed(found);
  if (!compares)
    return;
  if (!is_new)
    unit = found;
  file_start = targetm.asm_out.file_start;
  targetm.asm_out.file_start = start_with_marker;
  compile_for_shared_object();
  keep_virtual_calls();
}

bool is_against()
{
  return compares;
}

bool is_all_new()
{
  return compares && !unit;
}

void register_against(const char* plugin_name)
{
  if (!compares)
    return;
  register_body_hashes(plugin_name);
  register_callback(plugin_name, PLUGIN_INCLUDE_FILE, restore_macros, NULL);
  register_callback(plugin_name, PLUGIN_ALL_IPA_PASSES_START, start_ipa_passes,
                    NULL);
  register_callback(plugin_name, PLUGIN_FINISH_UNIT, note_changes, NULL);
  register_callback(plugin_name, PLUGIN_FINISH, finish_result_of_unit, NULL);
}

}  // namespace hotpatch
