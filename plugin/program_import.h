// Turns definitions of a unit into imports of the running program.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_PROGRAM_IMPORT_H
#define HOTPATCH_PLUGIN_PROGRAM_IMPORT_H

#include "plugin/gcc_compat.h"

namespace hotpatch {

// Attaches NAME("value"), as if the source had it.
void set_text_attribute(tree decl, const char* name, const std::string& value);

// What records call `symbol`: "file.c:symbol" if it is static in the program.
// What the compiler makes is declared in no file of the source; symbol tables
// say that it is the unit's.
std::string target_name(tree decl, const std::string& symbol, bool local);

// What is declared hidden is looked for in the program, too.
void make_visible(tree decl);

// A variable of which the program has another version under this name: the
// patch's own is not taken for that one.
void make_private(varpool_node* node);

// Makes a declaration of a function, an alias or a thunk.
void forget_body(cgraph_node* node);

// Makes a declaration of the program's function or variable `symbol`, which is
// static there if `local`.
void import_function(cgraph_node* node, const std::string& symbol, bool local);
void import_variable(varpool_node* node, const std::string& symbol, bool local);

}  // namespace hotpatch

#endif
