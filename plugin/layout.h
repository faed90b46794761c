// How many dead bytes stand before a symbol and where its patch word lies.
//
// Pure arithmetic, kept apart from GCC, so that every combination can be read
// and tested at a glance.  The result always satisfies: the word is a multiple
// of eight, the symbol has the alignment that was asked for, at least eight
// dead bytes precede the symbol (room for the 7-byte far jump), and another
// instruction precedes the word: a debugger, uprobe or tracer that puts its
// breakpoint on the symbol does not touch the word.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_LAYOUT_H
#define HOTPATCH_PLUGIN_LAYOUT_H

namespace hotpatch {

struct layout {
  unsigned base_alignment;  // of the first dead byte; a power of two
  unsigned pad;             // dead bytes between there and the symbol
  unsigned gap;             // bytes of NOP before the word: 0, 4 or 8
};

// What stands at the symbol: an endbr64, a NOP, or (in the controls of tests)
// the word itself.
enum class lead { endbr, nop, none };

// `alignment` is what the symbol must keep; `small`: size counts more than
// speed.
layout compute_layout(unsigned alignment, lead first, bool small);

}  // namespace hotpatch

#endif
