// The baseline of a build in the ELF section .debug.hotpatch.base: what the
// compiler plugin writes so that a patch can later be made from changed source,
// and what that plugin and hp-patch read.  format/README.md describes the text.
//
// Nothing here depends on anything but the C++ language.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_FORMAT_BASELINE_H
#define HOTPATCH_FORMAT_BASELINE_H

#include <cstddef>
#include <cstdint>

namespace hotpatch::format {

// Not loaded.  Its name begins with ".debug" so that strip(1) removes it and
// objcopy --only-keep-debug keeps it.
inline constexpr char baseline_section_name[] = ".debug.hotpatch.base";

inline constexpr unsigned baseline_version = 1;

// What is known of a function, as letters in the text.
inline constexpr char function_emitted = 'e';    // there is code of it
inline constexpr char function_site = 's';       // which has a site
inline constexpr char function_local = 'l';      // other units cannot name it
inline constexpr char function_comdat = 'c';     // several units may have it
inline constexpr char function_inline = 'i';     // declared inline
inline constexpr char function_elsewhere = 'k';  // in a file that is included

// The same of a variable.
inline constexpr char variable_emitted = 'e';
inline constexpr char variable_local = 'l';
inline constexpr char variable_comdat = 'c';
inline constexpr char variable_thread_local = 't';
inline constexpr char variable_written = 'w';  // or its address is taken
inline constexpr char variable_dynamic = 'x';  // initialised by code
inline constexpr char variable_read_only = 'r';

// The environment variable with which hp-patch asks the plugin to compare with
// a baseline, and the one that says that all of a unit is new.
inline constexpr char against_variable[] = "HOTPATCH_AGAINST";
inline constexpr char against_new_variable[] = "HOTPATCH_AGAINST_NEW";

// How the assembly of a unit that was compared with its baseline begins.
inline constexpr char against_marker[] = "#hotpatch-against ";

// A hash of 64 bits that is built step by step: of texts and numbers.
class running_hash {
 public:
  constexpr void add(std::uint64_t value)
  {
    state_ = (state_ ^ value) * 0xff51afd7ed558ccdu;
    state_ ^= state_ >> 32;
  }

  // Little-endian, whatever the machine; the length goes in, too.
  constexpr void add(const char* bytes, std::size_t size)
  {
    std::size_t at = 0;
    for (; at + 8 <= size; at += 8)
      add(word(bytes + at, 8));
    add(word(bytes + at, size - at));
    add(size);
  }

  constexpr std::uint64_t value() const { return state_; }

 private:
  static constexpr std::uint64_t word(const char* bytes, std::size_t size)
  {
    std::uint64_t result = 0;
    for (std::size_t i = 0; i < size; ++i)
      result |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << 8 * i;
    return result;
  }

  std::uint64_t state_ = 0x9ae16a3b2f90404fu;
};

// The digits of a hash in the text, RFC 4648's order, the highest first.
inline constexpr char hash_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// A hash in the text: eleven of these digits, six bits each.
struct hash_text {
  static constexpr std::size_t size = 11;

  constexpr explicit hash_text(std::uint64_t hash)
  {
    for (std::size_t i = size; i-- > 0; hash >>= 6)
      digits[i] = hash_digits[hash & 63];
  }
  char digits[size + 1] = {};
};

// False: `size` bytes are no hash.
constexpr bool parse_hash(const char* text, std::size_t size,
                          std::uint64_t& into)
{
  if (size != hash_text::size)
    return false;
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i) {
    std::uint64_t digit = 0;
    while (digit < 64 && hash_digits[digit] != text[i])
      ++digit;
    // The first digit stands for the four highest bits.
    if (digit == 64 || (i == 0 && digit >= 16))
      return false;
    value = value << 6 | digit;
  }
  into = value;
  return true;
}

// Of the contents of a file that a unit depends on.
constexpr std::uint64_t content_hash(const char* bytes, std::size_t size)
{
  running_hash hash;
  hash.add(bytes, size);
  return hash.value();
}

}  // namespace hotpatch::format

#endif
