// What only the C++ front end can tell.
//
// The C compiler and the link-time compiler load the same plugin without that
// front end's functions, so they are referred to weakly; every function here
// gives the harmless answer when the language is another one.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_CXX_H
#define HOTPATCH_PLUGIN_CXX_H

#include "plugin/gcc_compat.h"

namespace hotpatch {

bool is_c();
bool is_cxx();

// noexcept or throw(), written or implied (destructors).
bool has_noexcept(tree function_type);

// constexpr, and whether that was not written: lambdas and defaulted members
// are so by themselves where they can.
bool is_constexpr(tree decl);
bool is_implicit(tree decl);
bool is_consteval(tree decl);

// Why a declared function is never defined or never called, as far as its
// declaration tells: "= 0", "= delete", a defaulted one that is trivial.
enum class bodiless { no, pure_virtual, deleted, trivial, trivial_in_some };
bodiless why_bodiless(tree decl);

// The functions of a class that the user declared, without GCC's clones of
// constructors and destructors.
std::vector<tree> declared_members(tree type);

// What is being parsed is the pattern of a template, of which no code is made.
bool parsing_a_template();

// The class whose virtual table or type description the variable is, which are
// declared nowhere in the source; null for any other declaration.
tree described_class(tree decl);

// The enumerators that lie in namespaces, also in the global one, with their
// qualified names; none without the C++ front end.
struct namespace_enumerator {
  tree decl;
  std::string name;
};
std::vector<namespace_enumerator> namespace_enumerators();

// The Itanium mangling of a type, "" without the C++ front end.
std::string mangle_cxx_type(tree type);

}  // namespace hotpatch

#endif
