// Keeps the calls that a chosen function makes to itself calls.
//
// GCC turns `return f(n - 1)` inside f into a jump to its beginning, after the
// patch word: a replacement would not be entered by calls made after it was
// applied.  Tail calls stay jumps, but to the symbol, so the stack does not
// grow where it did not.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_RECURSION_H
#define HOTPATCH_PLUGIN_RECURSION_H

namespace hotpatch {

// Call from plugin_init.
void keep_recursion(const char* plugin_name);

}  // namespace hotpatch

#endif
