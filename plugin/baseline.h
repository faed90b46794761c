// The baseline of a unit: what a later patch from changed source is compared
// with.  format/README.md, "The baseline", shows the text.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_BASELINE_H
#define HOTPATCH_PLUGIN_BASELINE_H

#include "plugin/body_hash.h"
#include "plugin/gcc_compat.h"

namespace hotpatch {

// Call from plugin_init, after the options are known.
void register_baseline(const char* plugin_name);

// The contents of a file.  False: it cannot be read.
bool read_file(const std::string& path, std::string& into);

// The options of this compilation that decide about the code it makes, in
// their order.
std::vector<std::string> deciding_options();

// "C 12.2.0": the front end and its release.
std::string compiler_name();

// A variable that the unit defines.
struct unit_variable {
  varpool_node* node;
  unsigned id;         // DECL_UID
  std::string key;     // the same in the next version of the source:
                       // "f::count#0" for the first static count of f
  std::string symbol;  // assembler name
  std::string flags;   // format::variable_...; not yet whether it is emitted
  std::uint64_t type;
  value_hash initial_value;
  int line;
  static_use use;  // of a function's

  bool is_of_function() const { return key.find('#') != key.npos; }
};

// In the order of the source, without what is plain content.  Valid when the
// unit is complete, until passes change it.
std::vector<unit_variable> variables_of_unit();

// What is known of a function before code is made: format::function_... but
// for emitted and site.
std::string function_flags(tree decl);

// A function that the source defines, as opposed to what GCC has derived from
// one (f._omp_fn.0).
bool is_of_the_source(cgraph_node* node);

// --- Its text ----------------------------------------------------------------

// A hash as the text has it.
std::string hash_text(std::uint64_t hash);

// The lines "unit" and "directory", where the program was built if the tree has
// moved since.
std::string baseline_place();

// The lines of all files that the unit consists of.
std::string baseline_dependencies();

// The lines "f" and "t" of a function whose body was hashed, by DECL_UID.
std::string function_lines(unsigned id, const std::string& symbol,
                           const std::string& flags, int line);

// The line "v", and "u" for a static variable of a function.
std::string variable_lines(const unit_variable& of, const std::string& flags);

// The lines "y" of types of which objects may be anywhere.  Call when the unit
// is complete, before passes change it.
std::string type_lines();

// The functions and variables that there is code of, by DECL_UID.  Valid when
// the unit has been compiled.
std::set<unsigned> emitted_symbols();

// Puts the text, lines of which each has its end, into the assembly.
void print_baseline(const std::string& text);

// Of the assembly outside of functions and of aliases; 0 if there is neither.
std::uint64_t assembly_hash();

}  // namespace hotpatch

#endif
