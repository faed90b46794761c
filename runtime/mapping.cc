// Reading /proc/self/maps (proc(5)).
// SPDX-License-Identifier: MIT
#include "runtime/mapping.h"

#include <cinttypes>
#include <cstdio>
#include <cstring>

namespace hotpatch {

bool find_mapping(const void* address, mapping& into) noexcept
{
  std::FILE* maps = std::fopen("/proc/self/maps", "re");
  if (!maps)
    return false;
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  bool found = false;
  // A line is the fixed fields, at most 80 bytes or so, and a path.
  char line[PATH_MAX + 128];
  while (!found && std::fgets(line, sizeof line, maps)) {
    int path = 0;
    if (std::sscanf(line,
                    "%" SCNx64 "-%" SCNx64 " %*s %*x %x:%x %" SCNu64 " %n",
                    &into.begin, &into.end, &into.major, &into.minor,
                    &into.inode, &path) < 5)
      continue;
    found = into.begin <= wanted && wanted < into.end;
    line[std::strcspn(line, "\n")] = '\0';
    std::snprintf(into.path, sizeof into.path, "%s", line + path);
  }
  std::fclose(maps);
  return found;
}

}  // namespace hotpatch
