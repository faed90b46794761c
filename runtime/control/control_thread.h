// The thread that serves the control socket.
//
// It is there only after a process has asked for it.  It blocks all signals but
// the one that stops threads and those that the CPU raises, so that none of the
// program's is taken by it, and it is stopped and searched like any other
// thread.  A forked child has neither the thread nor the socket.  Any thread,
// without a lock.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_CONTROL_THREAD_H
#define HOTPATCH_RUNTIME_CONTROL_THREAD_H

#include "runtime/include/hotpatch.h"

namespace hotpatch {

// `path` null: the usual place.  HP_INVALID, HP_BUSY, HP_DENIED, HP_NO_MEMORY,
// HP_UNSUPPORTED.
[[nodiscard]] hp_status open_control(const char* path) noexcept;

// Waits for what is being done.  HP_INVALID: there is none; HP_BUSY: it is
// asked for by what is being done.
[[nodiscard]] hp_status close_control() noexcept;

// "": none.
[[nodiscard]] const char* control_path() noexcept;

}  // namespace hotpatch

#endif
