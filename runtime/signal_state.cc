// /proc/self/task/*/status: blocked signals and tracer.
// SPDX-License-Identifier: MIT
#include "runtime/signal_state.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <dirent.h>
#include <fcntl.h>
#include <memory>

#include "runtime/file_descriptor.h"

namespace hotpatch {

namespace {

struct close_directory {
  void operator()(DIR* directory) const { closedir(directory); }
};

// The value of "Name:\tvalue" in a status file.
unsigned long long field(const char* status, const char* name, int base)
{
  const char* at = std::strstr(status, name);
  return at != nullptr ? std::strtoull(at + std::strlen(name), nullptr, base)
                       : 0;
}

const char* obstacle_of(const char* thread)
{
  char path[64];
  std::snprintf(path, sizeof path, "/proc/self/task/%.20s/status", thread);
  const file_descriptor file(open(path, O_RDONLY | O_CLOEXEC));
  if (!file)
    return nullptr;  // the thread has ended
  char status[4096];
  const ssize_t size = read(file.get(), status, sizeof status - 1);
  if (size <= 0)
    return nullptr;
  status[size] = '\0';

  if (field(status, "\nTracerPid:", 10) != 0)
    return "the breakpoint protocol cannot be used under a debugger, which "
           "would take the breakpoint for one of its own: detach it";
  // A blocked SIGTRAP from an int3 kills the process (signal(7), force_sig).
  if ((field(status, "\nSigBlk:", 16) >> (SIGTRAP - 1) & 1) != 0)
    return "the breakpoint protocol needs SIGTRAP, which a thread blocks: "
           "leave SIGTRAP out of the threads' signal masks";
  return nullptr;
}

const char* present_obstacle()
{
  const std::unique_ptr<DIR, close_directory> threads(
      opendir("/proc/self/task"));
  if (!threads)
    return "the breakpoint protocol needs /proc, which cannot be read";
  while (const dirent* entry = readdir(threads.get()))
    if (entry->d_name[0] != '.')
      if (const char* obstacle = obstacle_of(entry->d_name))
        return obstacle;
  return nullptr;
}

}  // namespace

const char* breakpoint_obstacle() noexcept
{
  // A signal handler that blocks everything while it runs soon ends.
  const char* obstacle = present_obstacle();
  for (int tries = 0; obstacle != nullptr && tries < 20; ++tries) {
    const timespec millisecond{0, 1000000};
    nanosleep(&millisecond, nullptr);
    obstacle = present_obstacle();
  }
  return obstacle;
}

}  // namespace hotpatch
