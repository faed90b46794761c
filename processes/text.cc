// Numbers, bytes, names and padding as text.
//
// SPDX-License-Identifier: MIT
#include "processes/text.h"

#include <algorithm>
#include <charconv>

namespace hotpatch {

namespace {

constexpr char hex_digits[] = "0123456789abcdef";

bool is_control(char c)
{
  auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
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

void append_printable(std::string& text, std::string_view name)
{
  // Counting instead of searching lets the compiler use vector instructions.
  if (std::count_if(name.begin(), name.end(), is_control) == 0) {
    text += name;
    return;
  }
  for (char c : name) {
    if (is_control(c)) {
      text += "\\x";
      append_hex(text, static_cast<unsigned char>(c), 2);
    } else {
      text += c;
    }
  }
}

void pad_to(std::string& text, std::size_t start, std::size_t width)
{
  std::size_t length = text.size() - start;
  text.append(length + 2 < width ? width - length : 2, ' ');
}

}  // namespace hotpatch
