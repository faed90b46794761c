// What a function or variable was in the old unit, where its name alone does
// not say it: GCC numbers what has one name in one function, and the numbers
// change when the source does.
//
// Owns the rule that two things are the same only if what they are says so;
// what cannot be told apart is refused.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_PAIRING_H
#define HOTPATCH_PLUGIN_PAIRING_H

#include "plugin/baseline.h"
#include "plugin/gcc_compat.h"
#include "plugin/unit_baseline.h"

namespace hotpatch {

// Functions of classes that have one name, or none, in one function or class.
// They keep their numbers if the classes that have them now and had them before
// are equal, or if there are as many as before.
void refuse_renumbered_classes(const unit_baseline& old,
                               const std::vector<tree>& functions);

bool same_value(const unit_variable& now, const old_variable& before);

// The static variables of one name in a function; "f::count" is `stem` in the
// program.  Nothing for new ones.
std::vector<std::pair<unit_variable*, const old_variable*>> pair_statics(
    const unit_baseline& old, const std::vector<unit_variable*>& now,
    const std::string& stem);

// "_ZGVZ1fvE1s", the guard of "_ZZ1fvE1s", or "_ZGRZ1fvE1s_", an object that it
// refers to, as it is called for another variable; "" if it is not of this one.
std::string name_for_other(const std::string& symbol,
                           const std::string& variable,
                           const std::string& other);

// A static variable of the file whose name ends with a number, as __COUNTER__
// makes it, if the variable of that name is not the one.
const old_variable* find_renumbered(const unit_baseline& old,
                                    const std::vector<unit_variable>& all,
                                    const unit_variable& one);

// The variable that a compound literal belongs to, by the literal's key; the
// key itself for other variables.
std::string variable_of_literal(const std::string& key);
bool is_literal_key(const std::string& key);

// Whether GCC has made a variable of this name for another one or for a class.
bool is_made_by_compiler(const std::string& key);

// "count in parse(char*)" for "_Z5parsePc::count#0".
std::string readable_key(const std::string& key);

}  // namespace hotpatch

#endif
