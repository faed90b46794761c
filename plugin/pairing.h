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

#include "plugin/gcc_compat.h"
#include "plugin/unit_baseline.h"

namespace hotpatch {

// Functions of classes that have one name, or none, in one function or class.
// They keep their numbers if the classes that have them now and had them before
// are equal, or if there are as many as before.
void refuse_renumbered_classes(const unit_baseline& old,
                               const std::vector<tree>& functions);

}  // namespace hotpatch

#endif
