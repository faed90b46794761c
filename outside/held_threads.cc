// Stack pointers in workspaces.
//
// SPDX-License-Identifier: MIT
#include "outside/held_threads.h"

#include <algorithm>

#include "outside/borrowed_thread.h"
#include "outside/stopped_process.h"
#include "processes/threads.h"

namespace hotpatch::outside {

std::string find_held_thread(pid_t process,
                             const std::vector<process_mapping>& maps,
                             const target_memory& memory, deadline until)
{
  std::vector<std::uint64_t> workspaces;
  for (const process_mapping& each : maps)
    if (each.executable && each.inode == 0 && is_workspace(memory, each.begin))
      workspaces.push_back(each.begin);
  if (workspaces.empty())
    return {};
  const stopped_process all(process, until);
  for (const tracee& thread : all.threads()) {
    const std::uint64_t stack = thread.registers().rsp;
    for (const std::uint64_t workspace : workspaces)
      if (stack - workspace < workspace_size)
        return thread_text(process, thread.id());
  }
  return {};
}

}  // namespace hotpatch::outside
