// A path as it is from the root, so that a patch object is found again whatever
// directory the process goes to.
//
// Owns its text.  Any thread.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_WHOLE_PATH_H
#define HOTPATCH_RUNTIME_WHOLE_PATH_H

#include <cstdlib>

namespace hotpatch {

class whole_path {
 public:
  // False afterwards if there is no such file; errno says why.
  explicit whole_path(const char* path) noexcept
      : text_(realpath(path, nullptr))
  {
  }
  whole_path(const whole_path&) = delete;
  whole_path& operator=(const whole_path&) = delete;
  ~whole_path() { std::free(text_); }

  explicit operator bool() const noexcept { return text_ != nullptr; }
  const char* text() const noexcept { return text_; }

 private:
  char* text_;
};

}  // namespace hotpatch

#endif
