// The thread that the thread sanitizer runs for itself.
//
// It blocks all signals, so it cannot be stopped; and it never executes code of
// the program, so it need not be.  Any thread; no lock.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_SANITIZER_THREAD_H
#define HOTPATCH_RUNTIME_SANITIZER_THREAD_H

#include <sys/types.h>

namespace hotpatch {

// False also when it cannot be proved.
bool is_sanitizer_thread(pid_t thread) noexcept;

}  // namespace hotpatch

#endif
