// What the kernel tells about signals and tracing of this process's threads.
//
// Reads /proc.  Used under the library's lock; allocates nothing.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_SIGNAL_STATE_H
#define HOTPATCH_RUNTIME_SIGNAL_STATE_H

namespace hotpatch {

// Why a breakpoint would stop or kill a thread of this process; null if none
// of them is traced and none blocks SIGTRAP.  A text that the next call
// changes.
const char* breakpoint_obstacle() noexcept;

}  // namespace hotpatch

#endif
