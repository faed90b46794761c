// The files that an object depends on because an option named them.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/gcc_compat.h"

#include "plugin/dependencies.h"
#include "plugin/options.h"
#include "plugin/records.h"

// Of the preprocessor, whose headers GCC does not install in full.
class mkdeps;
extern void deps_add_dep(mkdeps*, const char*) __attribute__((weak));
// Of the front ends for the C family; the link-time compiler has none of them.
extern cpp_reader* parse_in __attribute__((weak));
extern char flag_no_output __attribute__((weak));
extern char flag_no_line_commands __attribute__((weak));

namespace hotpatch {

namespace {

decltype(lang_hooks.finish) finish;

// -M in all its forms.
void add_to_rule()
{
  mkdeps* const rule = deps_add_dep ? cpp_get_deps(parse_in) : nullptr;
  if (rule)
    for (const list_file& list : current_options().lists)
      deps_add_dep(rule, list.path.c_str());
}

// Line markers are read by ccache, which then knows the file, and ignored by
// compilers at the end of a source.  The number of the line stands for the
// contents, so that the text changes with them.
std::string line_markers()
{
  std::string text;
  for (const list_file& list : current_options().lists)
    text += "# " + std::to_string(list.hash % 1000000000 + 1) + " " +
            quoted(list.path) + "\n";
  return text;
}

bool prints_preprocessed()
{
  return flag_preprocess_only && !flag_no_output && !flag_no_line_commands;
}

// The front end writes the rule, and closes the preprocessor's output.
void finish_front_end()
{
  add_to_rule();
  const bool prints = prints_preprocessed();
  const bool to_file = asm_file_name && *asm_file_name;
  if (prints && !to_file)
    fputs(line_markers().c_str(), stdout);
  finish();
  if (!prints || !to_file)
    return;
  FILE* const out = fopen(asm_file_name, "a");
  const bool written = out && fputs(line_markers().c_str(), out) >= 0;
  if (!out || fclose(out) != 0 || !written)
    error("hotpatch: cannot write to %qs: %m", asm_file_name);
}

}  // namespace

void register_dependencies()
{
  if (current_options().lists.empty() || !&parse_in || !&flag_no_output)
    return;
  finish = lang_hooks.finish;
  lang_hooks.finish = finish_front_end;
}

}  // namespace hotpatch
