// File descriptors that are closed when their owner goes out of scope.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_FILE_DESCRIPTOR_H
#define HOTPATCH_RUNTIME_FILE_DESCRIPTOR_H

#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/countermeasure.h"
#include "runtime/base/system_call.h"

namespace hotpatch {

// For as long as one function runs.
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

// For as long as code of the program runs, which may close descriptors that it
// does not know, as daemons do when they start (closefrom(3), close_range(2)),
// and get the number for a file of its own.
//
// Owns the invariant that a number is used and closed only while it stands for
// the file that it stood for at first.  The file needs an inode of its own:
// sockets, pipes and files in a file system have one; what eventfd(2), epoll(7)
// and the like make has not.
//
// This one is for variables that live as long as the process: nothing happens
// to it at the end.
class noted_descriptor {
 public:
  constexpr noted_descriptor() noexcept = default;

  // Closes what it has and takes another one, just opened; -1: none.
  void reset(int number) noexcept
  {
    if (const int own = get(); own >= 0)
      system_call(SYS_close, own);
    number_ = number;
    struct stat about;
    if (number >= 0 && system_call(SYS_fstat, number, &about) == 0) {
      device_ = about.st_dev;
      inode_ = about.st_ino;
    }
  }

  // The number, and -1 if there is none, or the program has closed it.
  [[nodiscard]] int get() const noexcept
  {
    if (!HP_COUNTERMEASURE(descriptor_is_ours))
      return number_;
    struct stat about;
    return number_ >= 0 && system_call(SYS_fstat, number_, &about) == 0 &&
                   about.st_dev == device_ && about.st_ino == inode_
               ? number_
               : -1;
  }

  explicit operator bool() const noexcept { return get() >= 0; }

 private:
  int number_ = -1;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

// The same, closed when it goes out of scope.
class kept_descriptor : public noted_descriptor {
 public:
  constexpr kept_descriptor() noexcept = default;
  explicit kept_descriptor(int number) noexcept { reset(number); }
  kept_descriptor(const kept_descriptor&) = delete;
  kept_descriptor& operator=(const kept_descriptor&) = delete;
  ~kept_descriptor() { reset(-1); }
};

}  // namespace hotpatch

#endif
