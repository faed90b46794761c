// One line of /proc/PID/maps, taken apart (proc(5)):
//
//   7f0c1000-7f0c3000 r-xp 00001000 fe:01 1234        /usr/lib/libc.so.6
//
// Pure; allocates nothing.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_MAP_LINE_H
#define HOTPATCH_RUNTIME_MAP_LINE_H

#include <cstdint>

namespace hotpatch {

struct map_line {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t offset = 0;  // in the file
  std::uint64_t major = 0;   // of the file's device
  std::uint64_t minor = 0;
  std::uint64_t inode = 0;  // 0: no file
  int protection = 0;       // PROT_READ | PROT_WRITE | PROT_EXEC
  const char* path = "";    // the end of the line
};

// False: it is no such line.
[[nodiscard]] bool parse_map_line(const char* line, map_line& into) noexcept;

}  // namespace hotpatch

#endif
