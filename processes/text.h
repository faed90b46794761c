// The pieces that messages and tables are put together from: numbers, padding,
// and names that may hold anything.
//
// Everything appends to a string and may be called from any thread.  A name
// from a file never reaches the terminal with control characters in it.
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

// Control characters become \x1b and the like.
void append_printable(std::string& text, std::string_view name);

// Blanks until `text` has grown by `width` since it had `start` bytes, but at
// least two: a column is told from a blank in a name by that.
void pad_to(std::string& text, std::size_t start, std::size_t width);

}  // namespace hotpatch

#endif
