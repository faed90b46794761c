// Text on its way to the standard output: formatted in parallel, written in
// order.
//
// Owns the invariant that bytes leave in the order of the items they describe,
// however many threads format them.  `output` itself belongs to one thread.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TOOLS_OUTPUT_H
#define HOTPATCH_TOOLS_OUTPUT_H

#include <cstddef>
#include <functional>
#include <stdexcept>
#include <string>

namespace hotpatch::tools {

// The output cannot take more: a full disk, or a reader that went away.
class output_error : public std::runtime_error {
 public:
  explicit output_error(int error);
  int error() const { return error_; }

 private:
  int error_;
};

class output {
 public:
  explicit output(int descriptor) : descriptor_(descriptor) {}
  output(const output&) = delete;
  output& operator=(const output&) = delete;

  // Append here; then call relax() now and then, and flush() at the end.
  std::string& text() { return text_; }
  void relax();
  void flush();

  // Appends the text of `count` items: format(begin, end, text) for ranges
  // that cover them, from several threads when there are many.
  using range_formatter =
      std::function<void(std::size_t begin, std::size_t end, std::string&)>;
  void append_items(std::size_t count, const range_formatter& format);

 private:
  int descriptor_;
  std::string text_;
};

}  // namespace hotpatch::tools

#endif
