// The first entry of a function's line table, by which debuggers find the place
// where its parameters can be read.
//
// At a breakpoint on an unoptimised function, gdb skips the instructions that
// store the parameters: it goes on to the next line when the instructions that
// it recognises end in the middle of one.  In front of a patch word it
// recognises none.  So the first line of such a function begins with its dead
// bytes, and the symbol lies in the middle of that line.  (The entry is no
// statement: a breakpoint set by line must not end up in the dead bytes.)
//
// Optimised functions have lists of locations, which are valid from the first
// instruction, and gdb stops there.  Their first line begins at the symbol.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_DEBUG_LINES_H
#define HOTPATCH_PLUGIN_DEBUG_LINES_H

#include "plugin/gcc_compat.h"

namespace hotpatch {

// Whether the first line of current_function_decl begins before its symbol.
bool line_begins_before_symbol();

// Prints that line's entry, for the address of the next line_at().  GCC then
// prints none at the symbol.
void print_first_line();

// The definition of `label`, at which the line that was printed last begins.
// The assembler alone would let it begin at the next instruction, and to it a
// site is data.
std::string line_at(const std::string& label);

// The same for a label at the symbol, and "" where no line begins there.
std::string line_at_symbol(const std::string& label);

void register_debug_lines(const char* plugin_name);

}  // namespace hotpatch

#endif
