// Why the threads could not be stopped: kept as numbers while they stand still,
// put into words when they run again.
//
// A value.  report() formats and so must not be called during a stop.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_STOP_OBSTACLE_H
#define HOTPATCH_RUNTIME_STOP_OBSTACLE_H

#include "runtime/include/hotpatch.h"
#include "runtime/threads/thread_list.h"

namespace hotpatch {

struct stop_obstacle {
  enum class reason {
    none,
    blocks_signal,
    uses_signal,  // and not for a moment: it waits for it, or blocks it alone
    in_kernel,
    under_debugger,
    too_slow,
    no_queue,
    not_listed,
    no_memory,
    no_proc,
    wrong_proc,
    refused,
  };

  hp_status report() const noexcept;

  reason why = reason::none;
  pid_t thread = 0;
  thread_name name = "";
  int signal = 0;
  int error = 0;
};

}  // namespace hotpatch

#endif
