// /proc/self/task/*/status: blocked signals and tracer.
// SPDX-License-Identifier: MIT
#include "runtime/commit/signal_state.h"

#include <csignal>
#include <cstdio>
#include <cstring>

#include "runtime/base/deadline.h"
#include "runtime/threads/sanitizer_thread.h"
#include "runtime/threads/thread_list.h"

namespace hotpatch {

namespace {

char obstacle[256];

void look_at(pid_t thread, void*)
{
  thread_status status;
  if (*obstacle != '\0' || !read_thread_status(thread, status) ||
      status.has_ended())
    return;
  if (status.tracer != 0) {
    std::snprintf(obstacle, sizeof obstacle,
                  "the breakpoint protocol cannot be used under a debugger "
                  "(process %d), which would take the breakpoint for one of "
                  "its own: detach it",
                  status.tracer);
    return;
  }
  // A blocked SIGTRAP from an int3 kills the process (signal(7), force_sig).
  if (!status.blocks(SIGTRAP) || is_kernel_worker(thread, status) ||
      is_sanitizer_thread(thread))
    return;
  thread_name name;
  read_thread_name(thread, name);
  std::snprintf(obstacle, sizeof obstacle,
                "the breakpoint protocol needs SIGTRAP, which a thread blocks: "
                "leave it out of the signal mask of thread %d (%s)",
                thread, name);
}

bool find_obstacle()
{
  *obstacle = '\0';
  std::size_t counted = 0;
  if (const int error = list_threads(look_at, nullptr, counted); error != 0)
    std::snprintf(obstacle, sizeof obstacle,
                  "the breakpoint protocol needs /proc/self/task: %s",
                  std::strerror(error));
  return *obstacle != '\0';
}

}  // namespace

const char* breakpoint_obstacle() noexcept
{
  // A signal handler that blocks everything while it runs soon ends, and so do
  // the beginning and the end of a thread, in which glibc blocks all signals;
  // on a machine that is busy not before the thread gets to run.
  constexpr std::int64_t millisecond = 1'000'000;
  for (int tries = 0; find_obstacle(); ++tries) {
    if (tries == 100)
      return obstacle;
    sleep_for(millisecond);
  }
  return nullptr;
}

}  // namespace hotpatch
