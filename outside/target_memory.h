// Writing to the memory of another process, whatever its protection.
//
// Through /proc/PID/mem, which reaches pages that the process itself may not
// write to and makes private copies of them, as a debugger's breakpoints do.
// A write inside one page is one copy in the kernel, which a signal to this
// process, SIGKILL too, does not cut in two (mem_rw() in fs/proc/base.c).
// To be used while the process's threads stand, or on memory they do not use.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_TARGET_MEMORY_H
#define HOTPATCH_OUTSIDE_TARGET_MEMORY_H

#include <cstdint>
#include <span>

#include <sys/types.h>

#include "runtime/base/file_descriptor.h"

namespace hotpatch::outside {

class target_memory {
 public:
  // Throws tool_error.
  explicit target_memory(pid_t process);

  // Throws tool_error if the bytes are not there.
  void read(std::uint64_t address, std::span<std::uint8_t> into) const;
  void write(std::uint64_t address, std::span<const std::uint8_t> bytes);

  template <typename T>
  T load(std::uint64_t address) const
  {
    T value;
    read(address, {reinterpret_cast<std::uint8_t*>(&value), sizeof value});
    return value;
  }
  template <typename T>
  void store(std::uint64_t address, const T& value)
  {
    write(address,
          {reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
  }

  // As many of the bytes as there are.
  std::size_t read_some(std::uint64_t address,
                        std::span<std::uint8_t> into) const;

 private:
  pid_t process_;
  file_descriptor file_;
};

}  // namespace hotpatch::outside

#endif
