// A file descriptor that is closed when its owner goes out of scope.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_FILE_DESCRIPTOR_H
#define HOTPATCH_RUNTIME_FILE_DESCRIPTOR_H

#include <unistd.h>

namespace hotpatch {

class file_descriptor {
 public:
  explicit file_descriptor(int number) noexcept : number_(number) {}
  file_descriptor(const file_descriptor&) = delete;
  file_descriptor& operator=(const file_descriptor&) = delete;
  ~file_descriptor() { reset(-1); }

  // Closes what it has and takes another one.
  void reset(int number) noexcept
  {
    if (number_ >= 0)
      close(number_);
    number_ = number;
  }

  explicit operator bool() const noexcept { return number_ >= 0; }
  int get() const noexcept { return number_; }

 private:
  int number_;
};

}  // namespace hotpatch

#endif
