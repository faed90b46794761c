// Where /proc shows a process, proc(5).
//
// Text and nothing else; from any thread.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_PROCESSES_PROC_PATH_H
#define HOTPATCH_PROCESSES_PROC_PATH_H

#include <string>

#include <sys/types.h>

namespace hotpatch {

// "/proc/1234/maps"; the entry begins with its slash.
inline std::string proc_path(pid_t process, const std::string& entry = "")
{
  return "/proc/" + std::to_string(process) + entry;
}

}  // namespace hotpatch

#endif
