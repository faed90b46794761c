// Writes JSON: commas, indentation and escapes are its business, the order and
// the meaning of what is written its caller's.
//
// Owns the invariant that the text is well-formed JSON in UTF-8, whatever bytes
// a string holds (a byte that is not UTF-8 becomes U+FFFD).  Used by one
// thread; pieces of an array may be written by several writers with the same
// depth and joined with ",\n".
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TOOLS_JSON_WRITER_H
#define HOTPATCH_TOOLS_JSON_WRITER_H

#include <cstdint>
#include <string>
#include <string_view>

namespace hotpatch::tools {

class json_writer {
 public:
  explicit json_writer(std::string& text, unsigned depth = 0)
      : text_(text), depth_(depth)
  {
  }

  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }

  // Inside an object every value follows a key.
  void key(std::string_view name);

  void value(std::string_view string);
  void value(std::uint64_t number);
  void hex_value(std::uint64_t number, unsigned digits = 1);  // "0x401136"
  void null_value();

  void member(std::string_view name, std::string_view string)
  {
    key(name);
    value(string);
  }
  void member(std::string_view name, std::uint64_t number)
  {
    key(name);
    value(number);
  }
  // null where the text is empty.
  void member_or_null(std::string_view name, std::string_view string);
  void hex_member(std::string_view name, std::uint64_t number,
                  unsigned digits = 1)
  {
    key(name);
    hex_value(number, digits);
  }

  // Arrays of short values stand on one line.
  void begin_line_array();
  void end_line_array();

 private:
  void separate();
  void new_line();
  void open(char bracket);
  void close(char bracket);

  std::string& text_;
  unsigned depth_;
  bool first_ = true;  // nothing was written at this depth yet
  bool after_key_ = false;
  bool on_line_ = false;
};

}  // namespace hotpatch::tools

#endif
