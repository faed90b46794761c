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

// Appends the first character of `rest` and returns how many bytes it had.
std::size_t append_escaped(std::string& text, std::string_view rest)
{
  const text_character first = first_character(rest);
  if (!first.is_text) {
    text += replacement_character;
  } else if (first.code == '"' || first.code == '\\') {
    text += '\\';
    text += rest[0];
  } else if (first.is_harmless) {
    text += rest.substr(0, first.size);
  } else if (first.code < 0x10000) {
    text += "\\u";
    append_hex(text, first.code, 4);
  } else {
    // RFC 8259, section 7: as the two halves of UTF-16.
    text += "\\u";
    append_hex(text, 0xd800 + ((first.code - 0x10000) >> 10), 4);
    text += "\\u";
    append_hex(text, 0xdc00 + (first.code & 0x3ff), 4);
  }
  return first.size;
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
