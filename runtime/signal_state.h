// What the kernel tells about signals and tracing of this process's threads.
//
// Reads /proc; any thread; allocates (the C library's directory stream).
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_SIGNAL_STATE_H
#define HOTPATCH_RUNTIME_SIGNAL_STATE_H

namespace hotpatch {

// Why a breakpoint would stop or kill a thread of this process; null if none
// of them is traced and none blocks SIGTRAP.  A static text.
const char* breakpoint_obstacle() noexcept;

}  // namespace hotpatch

#endif
