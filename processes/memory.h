// The memory of another process, read while it runs, and whether the process
// may be looked at.
//
// Two ways to read: fetch() reads exactly what is there now; cached() may give
// bytes that are some milliseconds old, but costs one system call for thousands
// of sites.  One thread at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_PROCESSES_MEMORY_H
#define HOTPATCH_PROCESSES_MEMORY_H

#include <cstdint>
#include <span>
#include <vector>

#include <sys/types.h>

namespace hotpatch {

// Throws tool_error for what has no sites because of what it is: no such
// process, a zombie, a kernel thread, a 32-bit program.
void check_process(pid_t pid);

// Throws tool_error that explains `error`, met when the process was read: who
// may look at it, and which setting of this system stands in the way.
[[noreturn]] void refuse_access(pid_t pid, int error);

class process_memory {
 public:
  explicit process_memory(pid_t pid);

  // False if nothing (or not enough) is mapped there.  Throws tool_error if the
  // process may not be read or has ended.
  bool fetch(std::uint64_t address, std::span<std::uint8_t> into) const;
  // As many of the bytes as there are.  Throws like fetch().
  std::size_t fetch_some(std::uint64_t address,
                         std::span<std::uint8_t> into) const
  {
    return read(address, into);
  }
  bool cached(std::uint64_t address, std::span<std::uint8_t> into);

  // How many of the bytes there are, from the first on.
  std::size_t read(std::uint64_t address, std::span<std::uint8_t> into) const;

 private:
  pid_t pid_;
  pid_t thread_;  // through which the memory is seen
  std::uint64_t window_begin_ = 0;
  std::vector<std::uint8_t> window_;
};

}  // namespace hotpatch

#endif
