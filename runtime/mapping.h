// What the kernel says is mapped at an address, from /proc/self/maps.
//
// Stateless; any thread may call this.  The answer is a snapshot.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_MAPPING_H
#define HOTPATCH_RUNTIME_MAPPING_H

#include <cstdint>

#include <linux/limits.h>

namespace hotpatch {

struct mapping {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t inode = 0;
  unsigned major = 0;
  unsigned minor = 0;
  char path[PATH_MAX] = "";  // ends in " (deleted)" if the file is gone
};

// False: nothing is mapped there, or /proc cannot be read.
[[nodiscard]] bool find_mapping(const void* address, mapping& into) noexcept;

}  // namespace hotpatch

#endif
