// Listing /proc.
//
// SPDX-License-Identifier: MIT
#include "processes/all_processes.h"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include <sys/stat.h>

#include "processes/proc_path.h"

namespace hotpatch {

std::vector<pid_t> all_processes()
{
  std::vector<pid_t> found;
  std::error_code error;
  for (std::filesystem::directory_iterator at("/proc", error), end;
       !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename();
    pid_t pid = 0;
    const auto [behind, wrong] =
        std::from_chars(name.data(), name.data() + name.size(), pid);
    if (wrong == std::errc{} && behind == name.data() + name.size())
      found.push_back(pid);
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<pid_t> processes_of(const std::string& program)
{
  struct stat wanted;
  if (stat(program.c_str(), &wanted) != 0)
    return {};
  std::vector<pid_t> found = all_processes();
  std::erase_if(found, [&](pid_t pid) {
    struct stat executes;
    return stat(proc_path(pid, "/exe").c_str(), &executes) != 0 ||
           executes.st_dev != wanted.st_dev || executes.st_ino != wanted.st_ino;
  });
  return found;
}

}  // namespace hotpatch
