// The pieces that messages and tables are put together from: numbers, padding,
// and names that may hold anything.
//
// Everything appends to a string and may be called from any thread.  No name
// from a file or a process reaches a terminal but through append_printable().
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_PROCESSES_TEXT_H
#define HOTPATCH_PROCESSES_TEXT_H

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace hotpatch {

void append_decimal(std::string& text, std::uint64_t value);

// Lower case; at least `digits` digits, with zeros in front.
void append_hex(std::string& text, std::uint64_t value, unsigned digits = 1);

// "e9 fb 0f 00"
void append_bytes(std::string& text, std::span<const std::uint8_t> bytes);

// UTF-8 stays as it is, except what could do something to a terminal, or to the
// eyes of its reader: control characters (C0, DEL, C1), line and paragraph
// separators, and what is invisible or turns the direction of text.  Of these,
// and of all that is not UTF-8, each byte becomes \x1b and the like.
void append_printable(std::string& text, std::string_view name);

// One character at the start of a text.
struct text_character {
  std::size_t size = 1;  // in bytes
  char32_t code = 0;
  bool is_text = false;      // well-formed UTF-8
  bool is_harmless = false;  // and nothing that append_printable() escapes
};
text_character first_character(std::string_view text);

// How many characters of UTF-8 there are, which is how wide most are together.
std::size_t width_of(std::string_view text);

// Blanks until `text` has grown by `width` since it had `start` bytes, but at
// least two: a column is told from a blank in a name by that.  Widths are in
// characters, `start` in bytes.
void pad_to(std::string& text, std::size_t start, std::size_t width);

}  // namespace hotpatch

#endif
