// Keeps GCC from optimising on the strength of a body that will be replaced.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_OPTIMISATION_H
#define HOTPATCH_PLUGIN_OPTIMISATION_H

#include "plugin/gcc_compat.h"

// As if -fno-NAME had been given, also for functions with attributes or pragmas
// of their own: GCC then takes the option for one that the user chose.
#define HP_SWITCH_OFF(flag) \
  (global_options.x_##flag = 0, global_options_set.x_##flag = 1)

namespace hotpatch {

// --- Safety -----------------------------------------------------------------
// Keeps GCC from optimising callers by what it sees in a body that will be
// replaced.

// Callers keep their exception handlers around calls of `decl`.  To be called
// when its body has been parsed and before any caller's is.
void assume_it_throws(tree decl);

// The user promised that `decl` does not throw: callers have no handlers.
bool promised_nothrow(tree decl);

// No caller learns anything from the body of `decl`.
void hide_body(tree decl);

// --- One piece --------------------------------------------------------------
// Keeps the code of a chosen function in one piece.
//
// GCC moves blocks that are rarely executed to another section, as f.cold.  The
// record of a site describes one range of addresses; a search for threads
// inside the function (the level quiescent) would miss those in the cold part,
// and change the function under them.

// Call from plugin_init.
void keep_in_one_piece();

// --- Recursion --------------------------------------------------------------
// Keeps the calls that a chosen function makes to itself calls.
//
// GCC turns `return f(n - 1)` inside f into a jump to its beginning, after the
// patch word: a replacement would not be entered by calls made after it was
// applied.  Tail calls stay jumps, but to the symbol, so the stack does not
// grow where it did not.

// Call from plugin_init.
void keep_recursion(const char* plugin_name);

// --- Skipped passes ---------------------------------------------------------
// Passes of GCC that chosen functions are spared.
//
// GCC asks its plugins before each of its passes, some hundred times for each
// function, and each answer costs time.  So this listens only once there is a
// chosen function that is optimised: no pass named here runs without.

// Call from plugin_init, with the name of a pass that optimises.
void skip_for_chosen(const char* pass);

// Call from plugin_init.
void register_skipped_passes(const char* plugin_name);

// Call for each chosen function, before its first pass.
void skip_passes_of(tree decl);

}  // namespace hotpatch

#endif
