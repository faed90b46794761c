// hp-watch's work: directories of patch objects, and the processes that start.
//
// /proc is read again and again, rather than asking the kernel for events
// (linux/cn_proc.h): that needs no privilege and works in every container, and
// a process that has just started cannot be patched before it is loaded anyway.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TOOLS_WATCHING_H
#define HOTPATCH_TOOLS_WATCHING_H

#include "tools/watch_options.h"

namespace hotpatch::tools {

// Until SIGTERM or SIGINT, and never in the middle of a process.  Throws
// trouble if a directory cannot be used in the beginning.
void watch(const watch_options& chosen);

}  // namespace hotpatch::tools

#endif
