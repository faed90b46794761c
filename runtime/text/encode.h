// Which bytes a site has in each state, and which state given bytes are.
//
// Pure functions: they compute, and neither read nor write program text, so
// that the runtime uses them on its own process and tools on another one.  Any
// thread may call them.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_ENCODE_H
#define HOTPATCH_RUNTIME_ENCODE_H

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "format/patch_word.h"
#include "runtime/sites/site.h"

namespace hotpatch {

// The far jump stands in the last bytes before the symbol.
inline constexpr std::size_t far_pad_size = 7;

struct far_pad {
  std::uint8_t bytes[far_pad_size];

  bool operator==(const far_pad& other) const noexcept
  {
    return std::memcmp(bytes, other.bytes, far_pad_size) == 0;
  }
};

enum class word_form {
  pristine,  // the original is active
  near,      // a direct jump to the replacement
  far,       // a short jump to the far jump in the pad
  foreign,   // bytes that hotpatch did not write
};

struct decoded_word {
  word_form form;
  std::uint64_t target;  // near: the replacement; far: the pad; otherwise 0
};

//   e9 rel32            jmp target
inline constexpr std::uint8_t jmp_rel32 = 0xe9;
inline constexpr std::size_t jmp_rel32_size = 5;

// Of a direct jump in the word: it counts from the instruction after it.
[[nodiscard]] inline std::int64_t near_distance(const site_code& site,
                                                std::uint64_t target) noexcept
{
  return static_cast<std::int64_t>(target - (site.word + jmp_rel32_size));
}

// True if a direct jump in the word reaches `target`.
[[nodiscard]] inline bool near_reaches(const site_code& site,
                                       std::uint64_t target) noexcept
{
  const std::int64_t distance = near_distance(site, target);
  // The stub of an entry is a far jump.
  return site.entry == nullptr &&
         static_cast<std::int32_t>(distance) == distance;
}

// True if the pad has room for the far jump and the word reaches the pad.
[[nodiscard]] bool has_far_form(const site_code& site) noexcept;

// True if the far jump can read its target from a cell at that address.
[[nodiscard]] bool cell_reaches(const site_code& site,
                                std::uint64_t cell) noexcept;

[[nodiscard]] constexpr std::uint64_t far_pad_address(
    const site_code& site) noexcept
{
  return site.entry != nullptr ? site.entry->tail : site.symbol - far_pad_size;
}

// How many bytes there are written.
[[nodiscard]] constexpr std::size_t pad_bytes(const site_code& site) noexcept
{
  return site.entry != nullptr ? site.entry->tail_size : far_pad_size;
}

// The word that sends calls to `target`; needs near_reaches().
//   e9 rel32            jmp target
//   cc cc cc            filler
// In a register: bytes that are stored one by one and then loaded as a quadword
// make the processor wait, for each of many sites.
[[nodiscard]] inline std::uint64_t encode_near(const site_code& site,
                                               std::uint64_t target) noexcept
{
  const auto rel = static_cast<std::uint32_t>(near_distance(site, target));
  return jmp_rel32 | std::uint64_t{rel} << 8 | std::uint64_t{0xcccccc} << 40;
}

// The word that sends calls to the pad; needs has_far_form().
[[nodiscard]] std::uint64_t encode_far(const site_code& site) noexcept;

// The pad that jumps to the address stored in `cell`; needs cell_reaches().
[[nodiscard]] far_pad encode_pad(const site_code& site,
                                 std::uint64_t cell) noexcept;

[[nodiscard]] decoded_word decode_word(const site_code& site,
                                       std::uint64_t word) noexcept;

// The address of the cell that a pad jumps through, 0 if it is no far jump.
[[nodiscard]] std::uint64_t decode_pad(const site_code& site,
                                       const far_pad& pad) noexcept;

// True if the pad is as the compiler left it: int3 and one-byte NOPs.
[[nodiscard]] bool pad_is_pristine(const far_pad& pad) noexcept;

// --- A site as a whole -------------------------------------------------------
// What stands there, read in whatever way, and what has to be stored so that
// calls go somewhere else.

// The form of the word that leads calls to `target`; 0: to the original.
[[nodiscard]] inline word_form form_for(const site_code& site,
                                        std::uint64_t target) noexcept
{
  return target == 0                  ? word_form::pristine
         : near_reaches(site, target) ? word_form::near
                                      : word_form::far;
}

// That word.  A far one needs has_far_form().
[[nodiscard]] inline std::uint64_t encode_word(const site_code& site,
                                               std::uint64_t target) noexcept
{
  switch (form_for(site, target)) {
    case word_form::near:
      return encode_near(site, target);
    case word_form::far:
      return encode_far(site);
    case word_form::pristine:
    case word_form::foreign:
      break;
  }
  return pristine_word(site);
}

// Where calls go; `cell_target` is what the cell of a far jump holds.  0: that
// is not known, the word is foreign.
[[nodiscard]] inline std::uint64_t call_target(
    const site_code& site, const decoded_word& word,
    std::uint64_t cell_target) noexcept
{
  switch (word.form) {
    case word_form::pristine:
      return body_address(site);
    case word_form::near:
      return word.target;
    case word_form::far:
      return cell_target;
    case word_form::foreign:
      break;
  }
  return 0;
}

struct site_content {
  std::uint64_t word = 0;
  far_pad pad = {};  // zeros if there is no room for a far jump
  word_form form = word_form::foreign;
  std::uint64_t cell = 0;    // that the pad jumps through; 0: none
  std::uint64_t target = 0;  // where calls go; 0: the word is foreign
};

// Reads a site by `read(address, object)`, which is false for what cannot be
// read.  False: the word cannot be.  A far word is foreign if the pad does not
// jump through a cell that can be read.
template <typename Read>
[[nodiscard]] bool read_site(const site_code& site, Read read,
                             site_content& into)
{
  into = {};
  if (!read(site.word, into.word))
    return false;
  decoded_word word = decode_word(site, into.word);
  if (site.entry == nullptr && has_far_form(site) &&
      read(far_pad_address(site), into.pad))
    into.cell = decode_pad(site, into.pad);
  std::uint64_t cell_target = 0;
  if (word.form == word_form::far &&
      (into.cell == 0 || !read(into.cell, cell_target)))
    word.form = word_form::foreign;
  into.form = word.form;
  into.target = call_target(site, word, cell_target);
  return true;
}

// What has to be done to a pad before a far word may lead through `cell`.
enum class pad_step {
  none,     // it jumps through that cell
  write,    // it is as the compiler left it
  foreign,  // something else uses the bytes
};

[[nodiscard]] pad_step plan_tail(const entry_code& entry,
                                 const far_pad& pad) noexcept;

[[nodiscard]] inline pad_step plan_pad(const site_code& site,
                                       const far_pad& pad,
                                       std::uint64_t cell) noexcept
{
  if (site.entry != nullptr)
    return plan_tail(*site.entry, pad);
  return pad == encode_pad(site, cell) ? pad_step::none
         : pad_is_pristine(pad)        ? pad_step::write
                                       : pad_step::foreign;
}

}  // namespace hotpatch

#endif
