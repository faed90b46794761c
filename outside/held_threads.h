// Threads that were made to call something and have not come back.
//
// A hook or a constructor that hangs keeps the thread that was borrowed for it,
// and the workspace that it runs in (borrowed_thread.h) says so, whichever
// command made it do that and however long ago.  As long as there is one, no
// other thread is borrowed for what might hang as well: at most one is lost.
//
// From the thread that traces, while a `ticking` lives.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_HELD_THREADS_H
#define HOTPATCH_OUTSIDE_HELD_THREADS_H

#include <string>
#include <vector>

#include <sys/types.h>

#include "outside/target_memory.h"
#include "processes/maps.h"
#include "runtime/base/deadline.h"

namespace hotpatch::outside {

// Which thread; empty: none.  Stops the process for a moment if it has such a
// workspace.  Throws trouble.
std::string find_held_thread(pid_t process,
                             const std::vector<process_mapping>& maps,
                             const target_memory& memory, deadline until);

}  // namespace hotpatch::outside

#endif
