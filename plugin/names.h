// The names of a function: in the assembly, demangled, without parameters.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_NAMES_H
#define HOTPATCH_PLUGIN_NAMES_H

#include "plugin/gcc_compat.h"

namespace hotpatch {

// As the user knows it: without the mark of a name given in the source
// ("*name") and without the suffix that link-time optimisation appends to
// statics (".lto_priv.0").
std::string assembler_name(tree decl);

// Gives what a patch uses of the program the name that its object has for it.
void rename_import(symtab_node* node, const std::string& name);

// The assembler name that a declaration has in the program.
std::string name_in_program(tree decl);

// "_ZN2ns1fEi", "ns::f(int)", "ns::f"; one entry for a C function.
std::vector<std::string> names_of(tree decl);

// Where `decl` is defined, as the compiler was told; -fdebug-prefix-map and
// -ffile-prefix-map apply, so that a build in another directory is the same.
std::string source_file(tree decl);

// Mangled text as a programmer would write it, `text` itself if it is not
// mangled.
std::string demangle(const char* text, int demangler_options);

// Whether asking for the assembler name now gives the final one.  GCC fixes a
// name when it is first asked for; for a lambda, or a member of a local or
// unnamed class, that must not happen while its surroundings are parsed.
bool name_is_settled(tree decl);

bool is_operator(tree decl);

}  // namespace hotpatch

#endif
