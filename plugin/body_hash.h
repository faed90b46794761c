// What the body of a function means, as a number: equal numbers, equal code.
//
// The number is made of GIMPLE before it is lowered, by a pass that is the
// first for every function.  What does not decide about the code stays out:
// locations, debug information, the numbers that GCC gives to locals and types.
// Of the options, -O0, sanitizers and _FORTIFY_SOURCE change GIMPLE; so two
// numbers are compared only if the options are the same.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_BODY_HASH_H
#define HOTPATCH_PLUGIN_BODY_HASH_H

#include "plugin/gcc_compat.h"

namespace hotpatch {

struct body_hash {
  std::uint64_t strict = 0;
  // The same, but a constant that is the number of its line, or of one of the
  // next forty, counts by the distance: what __LINE__ gives does not change
  // when a function moves.
  std::uint64_t masked = 0;
  // Of the type and the attributes, without the body.
  std::uint64_t prototype = 0;
  std::string statements;       // a character each
  std::vector<unsigned> lines;  // of the statements
  // Functions that are named by number: what they are goes in, not what they
  // are called.
  std::vector<unsigned> numbered;  // by DECL_UID
};

// Call from plugin_init, if hashes are needed.
void register_body_hashes(const char* plugin_name);

// Of the functions of the unit so far, by DECL_UID.  Those that a function uses
// and that are named by number are part of its hashes once
// complete_body_hashes() was called, which is when the unit is complete and
// before anything is lowered further.
const std::map<unsigned, body_hash>& body_hashes();
void complete_body_hashes();

// The complete structures and unions that functions have pointers to, but
// for addresses of their own locals: objects of these can outlive a call.
std::vector<tree> pointed_to_types();

// What a static variable of a function is there for, as far as several of one
// name are told apart by it; lines and other locals' numbers stay out.
struct static_use {
  std::uint64_t scope = 0;  // all statements where its name means it
  std::uint64_t uses = 0;   // the statements that have it
};
static_use use_of_static(tree decl);

// Of a variable's type, alignment and section; and of its initial value.
std::uint64_t type_hash_of_variable(tree decl);
struct value_hash {
  std::uint64_t strict = 0;
  std::uint64_t masked = 0;  // as of a body, by the variable's line
};
value_hash initial_value_hash(tree decl);

// Whether GCC made the variable for a constant, so that it has no identity: a
// string, a table of a switch, __func__.
bool is_plain_content(tree decl);

// Of a compound literal at file level, which C numbers through the unit: where
// it stands in the initial value of a variable ("table::literal.0"); "" for
// other variables.
std::string literal_name(tree decl);

// Whether the assembler name depends on how many of its kind come before:
// lambdas in the same function or class, functions that GCC makes to destroy
// static objects.
bool is_named_by_number(const std::string& symbol);

// A name without the numbers of lambdas and of local classes, for comparison.
std::string name_without_numbers(const std::string& symbol);

}  // namespace hotpatch

#endif
