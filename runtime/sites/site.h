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

// The entry of a function that has no site (unprepared code): one aligned word
// of its code, which holds an instruction or a part of one, and up to five
// bytes more in dead bytes nearby or in the next word.  Calls of the changed
// function come to a stub, which jumps through a cell.  All of it is fixed when
// the function is first asked for; lives as long as the process.
struct entry_code {
  static constexpr std::size_t tail_limit = 5;

  std::uint64_t pristine = 0;  // the word as the image's file has it
  std::uint64_t jump = 0;      // the word with the jump in it
  std::uint64_t begin = 0;     // of the bytes that change, in the word
  std::uint64_t original = 0;  // the relocated beginning
  std::uint64_t original_end = 0;
  std::uint64_t stub = 0;  // stub_size bytes
  std::uint64_t cell = 0;
  std::uint64_t tail = 0;  // where those bytes are
  std::uint8_t tail_size = 0;
  std::uint8_t tail_pristine[tail_limit] = {};
  std::uint8_t tail_jump[tail_limit] = {};
  // The jump takes the place of several instructions: only while threads stand.
  bool needs_standing = false;
};

// Where its bytes are and which they may be: what it takes to change them, and
// to say whose they are.
struct site_code {
  const char* name = "";     // assembler name
  std::uint64_t symbol = 0;  // addresses in the image's own address space:
  std::uint64_t word = 0;    //   the live process's for a loaded image,
  std::uint64_t end = 0;     //   the link-time one for a file
  std::uint32_t id = 0;
  std::uint8_t pad = 0;               // dead bytes directly before the symbol
  const entry_code* entry = nullptr;  // null: a site of the plugin's
};

// The word while the original is active.
[[nodiscard]] constexpr std::uint64_t pristine_word(
    const site_code& site) noexcept
{
  return site.entry != nullptr ? site.entry->pristine
                               : format::pristine_word(site.id);
}

// The first instruction after the word, or the relocated beginning: where calls
// go if the word is pristine.
[[nodiscard]] constexpr std::uint64_t body_address(
    const site_code& site) noexcept
{
  return site.entry != nullptr ? site.entry->original
                               : site.word + format::word_size;
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
