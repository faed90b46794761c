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

}  // namespace hotpatch

#endif
