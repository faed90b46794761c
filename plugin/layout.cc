// How many dead bytes stand before a symbol and where its patch word lies.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/layout.h"

#include <algorithm>

#include "format/patch_word.h"

namespace hotpatch {

namespace {

// The body behind the word begins on a fetch block.
constexpr unsigned body_alignment = 16;

}  // namespace

layout compute_layout(unsigned alignment, bool endbr)
{
  const unsigned endbr_size = sizeof(format::endbr64);
  const unsigned base = std::max(body_alignment, alignment);
  if (alignment > format::word_size)
    return {base, alignment, endbr ? endbr_size : 0};
  if (!endbr)
    return {base, format::pad_plain, 0};
  // The symbol is 12 mod 16, so that endbr64 ends where the word begins.  A
  // symbol that must be 8-aligned cannot be there: four bytes of NOP make up.
  if (alignment > endbr_size)
    return {base, format::pad_plain, endbr_size};
  return {base, format::pad_endbr, 0};
}

}  // namespace hotpatch
