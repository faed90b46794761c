// How many dead bytes stand before a symbol and where its patch word lies.
//
// Pure arithmetic, kept apart from GCC, so that every combination can be read
// and tested at a glance.  The result always satisfies: the word is a multiple
// of eight, the symbol has the alignment that was asked for, and at least
// eight dead bytes precede the symbol (room for the 7-byte far jump).
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_LAYOUT_H
#define HOTPATCH_PLUGIN_LAYOUT_H

namespace hotpatch {

struct layout {
  unsigned base_alignment;  // of the first dead byte; a power of two
  unsigned pad;             // dead bytes between there and the symbol
  unsigned gap;             // bytes of NOP between endbr64 and the word
};

// `alignment` is what the symbol must keep, `endbr` whether it begins with
// endbr64.
layout compute_layout(unsigned alignment, bool endbr);

}  // namespace hotpatch

#endif
