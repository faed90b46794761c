// The attributes that users write, and the one that carries a choice through
// the compiler.
//
// `hotpatch` and `no_hotpatch` are the user's.  "hotpatch site" has a name that
// cannot be written in a source file: it marks a function that gets a site and
// holds what code generation must know about it, as "hotpatch replacement" does
// for one of a patch object.  As an attribute it is copied and streamed by GCC
// itself, so it reaches the link-time compiler.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_ATTRIBUTE_H
#define HOTPATCH_PLUGIN_ATTRIBUTE_H

#include "plugin/gcc_compat.h"

namespace hotpatch {

// Call at PLUGIN_ATTRIBUTES.
void register_attributes();

bool has_attribute(tree decl, const char* name);

bool asks_for_site(tree decl);
bool forbids_site(tree decl);

// What the front end knows and the code generator needs.
//
// GCC copies attributes to functions that it derives from this one (bodies of
// OpenMP regions, SIMD clones): they have another name, and no site.
struct site_facts {
  std::uint32_t flags;       // format::site_flag
  const char* name;          // assembler name
  const char* mangled_type;  // Itanium mangling of the type, "" if unknown
  std::uint64_t layout;      // hash of the types that it leads to
};

// Strings in `facts` are copied; those found live as long as `decl`.
void attach_facts(tree decl, const site_facts& facts);
std::optional<site_facts> find_facts(tree decl);

// The same for a function that replaces another; none for what GCC has derived
// from it.
void attach_replacement_facts(tree decl, const site_facts& facts);
std::optional<site_facts> find_replacement_facts(tree decl);

// Marks an external declaration that the dynamic linker need not resolve.
void mark_as_import(tree decl);
bool is_import(tree decl);

}  // namespace hotpatch

#endif
