// How many dead bytes stand before a symbol and where its patch word lies.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/layout.h"

#include <algorithm>

#include "format/patch_word.h"

namespace hotpatch {

namespace {

// The word begins a fetch block, or only a quadword where size counts more.
constexpr unsigned fast_alignment = 16;
constexpr unsigned small_alignment = format::word_size;
constexpr unsigned endbr_size = sizeof(format::endbr64);

// A symbol that is 12 mod 16 needs four bytes in front of the word, one that
// keeps a greater alignment eight.
unsigned gap_of(bool symbol_is_aligned, lead first)
{
  if (first == lead::none)
    return 0;
  const unsigned between = symbol_is_aligned ? 8 : 4;
  return first == lead::endbr ? between - endbr_size : between;
}

}  // namespace

layout compute_layout(unsigned alignment, lead first, bool small)
{
  const bool aligned = alignment > endbr_size;
  const unsigned base =
      std::max(small ? small_alignment : fast_alignment, alignment);
  const unsigned gap = gap_of(aligned, first);
  if (alignment > format::word_size)
    return {base, alignment, gap};
  if (aligned || first == lead::none)
    return {base, format::pad_plain, gap};
  return {base, format::pad_lead, gap};
}

}  // namespace hotpatch
