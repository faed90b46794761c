// A site: a record that has been read from a loaded image and found sound.
//
// A site is a value without ownership: its pointers lead into the image and are
// valid while the image is loaded.  Only the record reader makes one, and it
// makes none whose addresses lie outside the image.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_SITE_H
#define HOTPATCH_RUNTIME_SITE_H

#include <cstddef>
#include <cstdint>

#include "format/patch_word.h"
#include "format/record.h"

namespace hotpatch {

// Where its bytes are and which they may be: what it takes to change them, and
// to say whose they are.
struct site_code {
  const char* name = "";     // assembler name
  std::uint64_t symbol = 0;  // addresses in the image's own address space:
  std::uint64_t word = 0;    //   the live process's for a loaded image,
  std::uint64_t end = 0;     //   the link-time one for a file
  std::uint32_t id = 0;
  std::uint8_t pad = 0;  // dead bytes directly before the symbol
};

// The first instruction after the word: where calls go if it is pristine.
[[nodiscard]] constexpr std::uint64_t body_address(
    const site_code& site) noexcept
{
  return site.word + format::word_size;
}

struct site : site_code {
  format::site_kind kind = format::site_kind::nop8;
  std::uint32_t flags = 0;  // format::site_flag
  std::uint32_t line = 0;
  const char* file = "";       // source file, empty if unknown
  const char* prototype = "";  // "int (conn*, unsigned long)", empty if unknown
  std::uint64_t prototype_hash = 0;
  std::uint64_t layout_hash = 0;
};

}  // namespace hotpatch

#endif
