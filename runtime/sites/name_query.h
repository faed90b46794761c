// What a user who names a function may have meant: the parts of
//     libconn.so!src/conn.c:reset      ns::Point::scale(double)
//     util.h:clamp#2                   util.h:clamp#all
//
// A number chooses one of several functions that have the same name, source
// file and image: statics of a header, or of a source that was compiled twice.
// They are counted from 1, by ascending address.
//
// A query refers to the text it was made from.  Pure; any thread may use it.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_NAME_QUERY_H
#define HOTPATCH_RUNTIME_NAME_QUERY_H

#include <string_view>

#include "runtime/sites/site.h"

namespace hotpatch {

// What a name is a query by, and not just an assembler name: IMAGE!NAME,
// FILE:NAME, a::b, NAME#2.
inline constexpr char query_marks[] = "!:#";

class name_query {
 public:
  explicit name_query(std::string_view text) noexcept;

  // The function's part of the text.
  [[nodiscard]] std::string_view name() const noexcept { return name_; }

  // The identifier that any mangled form of the name contains, as
  // "5scale"; empty if none is certain.
  [[nodiscard]] std::string_view needle() const noexcept
  {
    return {needle_, needle_size_};
  }

  // The same without its length: "scale".
  [[nodiscard]] std::string_view identifier() const noexcept
  {
    return identifier_;
  }

  // Which of those that are called so, 0: not said; or all of them.
  [[nodiscard]] std::uint32_t number() const noexcept { return number_; }
  [[nodiscard]] bool wants_all() const noexcept { return wants_all_; }

  [[nodiscard]] bool accepts_image(const char* path) const noexcept;
  [[nodiscard]] bool accepts_file(const char* path) const noexcept;

  // The same for a name from a symbol table, which has no directories.
  [[nodiscard]] bool accepts_file_name(const char* name) const noexcept;
  [[nodiscard]] bool has_file() const noexcept { return file_.size() != 0; }

  // Whether the site is meant although its assembler name is not name():
  // demangled, or without the number that GCC gives nested functions and
  // static ones of the same name ("visit.0"), or without the default version of
  // a symbol ("area@@V2").
  [[nodiscard]] bool means(const site& candidate) const noexcept;

 private:
  void take_number() noexcept;
  void find_identifier() noexcept;

  std::string_view image_;
  std::string_view file_;
  std::string_view name_;
  std::string_view identifier_;
  char needle_[256];
  std::size_t needle_size_ = 0;
  std::uint32_t number_ = 0;
  bool wants_all_ = false;
};

// Whether two sites of one image are told apart by their number only.
[[nodiscard]] bool share_name(const site& a, const site& b) noexcept;

}  // namespace hotpatch

#endif
