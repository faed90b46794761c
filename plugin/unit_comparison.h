// Compares a unit with its baseline, function by function and variable by
// variable, and keeps what has changed.
//
// Whatever cannot be judged is an error of the compilation, with its place.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_UNIT_COMPARISON_H
#define HOTPATCH_PLUGIN_UNIT_COMPARISON_H

#include "plugin/unit_baseline.h"

namespace hotpatch {

// `unit` is what the unit was, nothing if all of it is new; `directory` is
// hp-patch's.  Call once, when the unit is complete and before anything of it
// is inlined.
void compare_unit(const std::optional<found_unit>& unit,
                  const std::string& directory);

}  // namespace hotpatch

#endif
