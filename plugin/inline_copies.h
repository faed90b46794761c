// Which functions contain copies of which: what GCC has inlined where.
//
// GCC makes a node of the call graph for each copy that it inlines, and removes
// the node when the copy is part of its caller's body.  In the early passes a
// body is copied with what was inlined into it before, of which the call graph
// then knows nothing; so early copies are counted transitively.
//
// Functions are known by the number of their declaration (DECL_UID), because
// GCC may free a declaration after its last copy.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_INLINE_COPIES_H
#define HOTPATCH_PLUGIN_INLINE_COPIES_H

#include "plugin/gcc_compat.h"

namespace hotpatch {

using function_id = unsigned;  // DECL_UID

struct known_function {
  std::string symbol;  // assembler name
  std::string name;    // as the language prints it
  std::string file;    // "a.c"
  int line = 0;
  bool has_code = false;
  bool has_site = false;

  std::string place() const { return file + ":" + std::to_string(line); }
};

// How often each function was copied.
using copy_counts = std::map<function_id, unsigned>;

// Call from plugin_init, after the options are known.  Listens only if the
// options need it.
void register_inline_copies(const char* plugin_name);

// The function that `decl` stands for: clones and parts stand for the one that
// they come from.
function_id id_of_function(tree decl);

const std::map<function_id, known_function>& known_functions();

// Code is made of `decl`.
void note_code(tree decl);

// That code gets a site.
void note_site(tree decl);

// Whether copies of `decl` may be in other functions of the program.  Final
// when the first function is printed: GCC decides on all copies before.
bool may_have_copies(tree decl);

// By function that was copied: the functions with code that contain copies, and
// how many.  Complete when the unit is.
std::map<function_id, copy_counts> copies_by_function();

}  // namespace hotpatch

#endif
