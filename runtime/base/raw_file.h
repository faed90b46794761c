// A file opened with plain system calls and closed when its owner goes away.
//
// For what must not touch errno or be a cancellation point (system_call.h).
// Owned by one object; async-signal-safe.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_RAW_FILE_H
#define HOTPATCH_RUNTIME_RAW_FILE_H

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include <fcntl.h>

#include "runtime/base/system_call.h"

namespace hotpatch {

class raw_file {
 public:
  raw_file(const char* path, int flags) noexcept
      : opened_(system_call(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, 0))
  {
  }
  raw_file(const raw_file&) = delete;
  raw_file& operator=(const raw_file&) = delete;
  ~raw_file()
  {
    if (opened_ >= 0)
      system_call(SYS_close, opened_);
  }

  explicit operator bool() const noexcept { return opened_ >= 0; }
  int error() const noexcept { return static_cast<int>(-opened_); }
  int descriptor() const noexcept { return static_cast<int>(opened_); }

  // How many bytes were read, 0 at the end, or the negated error number.
  long read(void* buffer, std::size_t size) const noexcept
  {
    long got;
    do {
      got = system_call(SYS_read, opened_, buffer, size);
    } while (got == -EINTR);
    return got;
  }
  long read_at(std::uint64_t offset, void* buffer,
               std::size_t size) const noexcept
  {
    long got;
    do {
      got = system_call(SYS_pread64, opened_, buffer, size, offset);
    } while (got == -EINTR);
    return got;
  }

 private:
  long opened_;
};

// The lines of a file of the kernel's, one after the other.
//
// Like raw_file it touches no errno, allocates nothing and is no cancellation
// point.  A line may be as long as it likes: of one that is longer than the
// buffer only the beginning is given.  Owned by one object; async-signal-safe.
class raw_lines {
 public:
  explicit raw_lines(const raw_file& file) noexcept : file_(file) {}
  raw_lines(const raw_lines&) = delete;
  raw_lines& operator=(const raw_lines&) = delete;

  // Without its newline, and valid until the next call; null after the last
  // line, or if it cannot be read.
  const char* next() noexcept
  {
    for (;;) {
      char* const line = buffer_ + begin_;
      if (void* const newline = std::memchr(line, '\n', end_ - begin_)) {
        char* const last = static_cast<char*>(newline);
        *last = '\0';
        begin_ = static_cast<std::size_t>(last + 1 - buffer_);
        if (!std::exchange(skipping_, false))
          return line;
        continue;
      }
      end_ -= begin_;
      std::memmove(buffer_, line, end_);
      begin_ = 0;
      if (end_ == room) {
        buffer_[std::exchange(end_, 0)] = '\0';
        if (!std::exchange(skipping_, true))
          return buffer_;
      }
      const long got = file_.read(buffer_ + end_, room - end_);
      if (got <= 0) {
        error_ = static_cast<int>(-got);
        return nullptr;
      }
      end_ += static_cast<std::size_t>(got);
    }
  }

  // 0: there was none.
  [[nodiscard]] int error() const noexcept { return error_; }

 private:
  // As much as the kernel gives in one go.
  static constexpr std::size_t room = 4095;

  const raw_file& file_;
  std::size_t begin_ = 0;  // of what was read and not given
  std::size_t end_ = 0;
  bool skipping_ = false;  // inside a line whose beginning was given
  int error_ = 0;
  char buffer_[room + 1];
};

}  // namespace hotpatch

#endif
