// The punctuation and the escapes of JSON.
//
// SPDX-License-Identifier: MIT
#include "tools/json_writer.h"

#include <algorithm>

#include "processes/text.h"

namespace hotpatch::tools {

namespace {

constexpr std::string_view replacement_character = "\xef\xbf\xbd";  // U+FFFD

bool needs_escape(char c)
{
  auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte >= 0x7f || c == '"' || c == '\\';
}

struct utf8_class {
  unsigned char first, last;  // lead bytes
  unsigned char low, high;    // the byte after the lead byte
  unsigned length;
};

// Unicode standard, table 3-7, well-formed UTF-8 byte sequences.
constexpr utf8_class utf8_table[] = {
    {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
    {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3},
    {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
    {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};

// How many bytes at the start of `text` are one character beyond ASCII; 0 if
// they are none.
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

// Appends the first character of `rest` and returns how many bytes it had.
std::size_t append_escaped(std::string& text, std::string_view rest)
{
  auto byte = static_cast<unsigned char>(rest[0]);
  if (byte >= 0x80) {
    std::size_t length = utf8_length(rest);
    text += length == 0 ? replacement_character : rest.substr(0, length);
    return std::max<std::size_t>(length, 1);
  }
  if (rest[0] == '"' || rest[0] == '\\') {
    text += '\\';
    text += rest[0];
  } else if (needs_escape(rest[0])) {
    text += "\\u";
    append_hex(text, byte, 4);
  } else {
    text += rest[0];
  }
  return 1;
}

}  // namespace

void json_writer::new_line()
{
  text_ += '\n';
  text_.append(depth_, ' ');
}

void json_writer::separate()
{
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (!first_)
    text_ += on_line_ ? ", " : ",";
  if (!on_line_ && depth_ != 0)
    new_line();
  first_ = false;
}

void json_writer::open(char bracket)
{
  separate();
  text_ += bracket;
  ++depth_;
  first_ = true;
}

void json_writer::close(char bracket)
{
  --depth_;
  if (!first_)
    new_line();
  text_ += bracket;
  first_ = false;
}

void json_writer::begin_line_array()
{
  open('[');
  on_line_ = true;
}

void json_writer::end_line_array()
{
  --depth_;
  text_ += ']';
  first_ = false;
  on_line_ = false;
}

void json_writer::key(std::string_view name)
{
  separate();
  text_ += '"';
  text_ += name;
  text_ += "\": ";
  after_key_ = true;
}

void json_writer::value(std::string_view string)
{
  separate();
  text_ += '"';
  if (std::count_if(string.begin(), string.end(), needs_escape) == 0)
    text_ += string;
  else
    while (!string.empty())
      string.remove_prefix(append_escaped(text_, string));
  text_ += '"';
}

void json_writer::value(std::uint64_t number)
{
  separate();
  append_decimal(text_, number);
}

void json_writer::hex_value(std::uint64_t number, unsigned digits)
{
  separate();
  text_ += "\"0x";
  append_hex(text_, number, digits);
  text_ += '"';
}

void json_writer::member_or_null(std::string_view name, std::string_view string)
{
  key(name);
  if (string.empty())
    null_value();
  else
    value(string);
}

void json_writer::null_value()
{
  separate();
  text_ += "null";
}

}  // namespace hotpatch::tools
