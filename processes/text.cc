// Numbers, bytes, names and padding as text.
//
// SPDX-License-Identifier: MIT
#include "processes/text.h"

#include <algorithm>
#include <charconv>
#include <iterator>

namespace hotpatch {

namespace {

constexpr char hex_digits[] = "0123456789abcdef";

bool is_plain(char c)
{
  auto byte = static_cast<unsigned char>(c);
  return byte >= 0x20 && byte < 0x7f;
}

// Unicode standard, table 3-7, well-formed UTF-8 byte sequences.
struct utf8_class {
  unsigned char first, last;  // lead bytes
  unsigned char low, high;    // the byte after the lead byte
  unsigned length;
};
constexpr utf8_class utf8_table[] = {
    {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
    {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3},
    {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
    {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};

struct code_range {
  char32_t first, last;
};

// Characters that are not seen, or that change how others are seen: the general
// categories Cc, Cf, Zl, Zp, Co and Cs of the Unicode Character Database, other
// code points without a glyph (Default_Ignorable_Code_Point), and
// noncharacters.
constexpr code_range unsafe_ranges[] = {
    {0x00, 0x1f},        // C0
    {0x7f, 0x9f},        // DEL, C1
    {0xad, 0xad},        // soft hyphen
    {0x34f, 0x34f},      // combining grapheme joiner
    {0x600, 0x605},      // Arabic number signs
    {0x61c, 0x61c},      // Arabic letter mark
    {0x6dd, 0x6dd},      // Arabic end of ayah
    {0x70f, 0x70f},      // Syriac abbreviation mark
    {0x890, 0x891},      // Arabic pound and piastre marks
    {0x8e2, 0x8e2},      // Arabic disputed end of ayah
    {0x115f, 0x1160},    // Hangul fillers
    {0x17b4, 0x17b5},    // Khmer inherent vowels
    {0x180b, 0x180f},    // Mongolian variation selectors and vowel separator
    {0x200b, 0x200f},    // zero width space and joiners, direction marks
    {0x2028, 0x202e},    // separators, embeddings and overrides of direction
    {0x2060, 0x206f},    // word joiner, isolates of direction
    {0x3164, 0x3164},    // Hangul filler
    {0xe000, 0xf8ff},    // private use
    {0xfe00, 0xfe0f},    // variation selectors
    {0xfeff, 0xfeff},    // byte order mark
    {0xffa0, 0xffa0},    // halfwidth Hangul filler
    {0xfff0, 0xfffb},    // interlinear annotations
    {0xfffe, 0xffff},    // noncharacters
    {0x110bd, 0x110bd},  // Kaithi number sign
    {0x110cd, 0x110cd},
    {0x13430, 0x1345f},  // Egyptian hieroglyph format controls
    {0x1bca0, 0x1bca3},  // shorthand format controls
    {0x1d173, 0x1d17a},  // musical format controls
    {0xe0000, 0x10ffff}  // tags, variation selectors, private use
};

bool is_unsafe(char32_t code)
{
  // The last two code points of every plane are noncharacters.
  if ((code & 0xfffe) == 0xfffe)
    return true;
  return std::any_of(std::begin(unsafe_ranges), std::end(unsafe_ranges),
                     [code](const code_range& each) {
                       return code >= each.first && code <= each.last;
                     });
}

// Its length; 0 if the text begins with no well-formed character beyond ASCII.
std::size_t utf8_length(std::string_view text)
{
  auto byte = [&](std::size_t i) {
    return static_cast<unsigned char>(text[i]);
  };
  for (const utf8_class& one : utf8_table) {
    if (byte(0) < one.first || byte(0) > one.last)
      continue;
    if (text.size() < one.length || byte(1) < one.low || byte(1) > one.high)
      return 0;
    for (std::size_t i = 2; i < one.length; ++i)
      if ((byte(i) & 0xc0) != 0x80)
        return 0;
    return one.length;
  }
  return 0;
}

}  // namespace

void append_decimal(std::string& text, std::uint64_t value)
{
  char digits[20];
  text.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

void append_hex(std::string& text, std::uint64_t value, unsigned digits)
{
  char reversed[16];
  unsigned count = 0;
  do {
    reversed[15 - count++] = hex_digits[value & 15];
    value >>= 4;
  } while (value != 0);
  while (count < digits && count < sizeof reversed)
    reversed[15 - count++] = '0';
  text.append(reversed + 16 - count, count);
}

void append_bytes(std::string& text, std::span<const std::uint8_t> bytes)
{
  bool first = true;
  for (std::uint8_t byte : bytes) {
    if (!first)
      text += ' ';
    first = false;
    append_hex(text, byte, 2);
  }
}

text_character first_character(std::string_view text)
{
  text_character found;
  found.code = static_cast<unsigned char>(text[0]);
  if (found.code >= 0x80) {
    found.size = utf8_length(text);
    if (found.size == 0)
      return {};
    // The lead byte has as many ones before its first zero as there are bytes.
    found.code &= 0x7fu >> found.size;
    for (std::size_t i = 1; i < found.size; ++i)
      found.code =
          found.code << 6 | (static_cast<unsigned char>(text[i]) & 0x3fu);
  }
  found.is_text = true;
  found.is_harmless = !is_unsafe(found.code);
  return found;
}

void append_printable(std::string& text, std::string_view name)
{
  // Counting instead of searching lets the compiler use vector instructions.
  if (static_cast<std::size_t>(
          std::count_if(name.begin(), name.end(), is_plain)) == name.size()) {
    text += name;
    return;
  }
  while (!name.empty()) {
    const text_character first = first_character(name);
    const std::string_view bytes = name.substr(0, first.size);
    if (first.is_harmless) {
      text += bytes;
    } else {
      for (const char byte : bytes) {
        text += "\\x";
        append_hex(text, static_cast<unsigned char>(byte), 2);
      }
    }
    name.remove_prefix(first.size);
  }
}

std::size_t width_of(std::string_view text)
{
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(),
      [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

void pad_to(std::string& text, std::size_t start, std::size_t width)
{
  const std::size_t length = width_of(std::string_view(text).substr(start));
  text.append(length + 2 < width ? width - length : 2, ' ');
}

}  // namespace hotpatch
