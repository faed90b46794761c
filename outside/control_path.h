// Where the control socket of a process may be.
//
// Anybody may put a socket there: only the kernel's word on who answers counts
// (control_connection.h).  One thread at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_CONTROL_PATH_H
#define HOTPATCH_OUTSIDE_CONTROL_PATH_H

#include <string>
#include <vector>

#include <sys/types.h>

namespace hotpatch::outside {

// Paths to try, the likeliest first, and not more than some dozens: through the
// root directory of the process, which may be in a container, and as seen from
// here.  `stated`: where it is said to be; empty: look for sockets with the
// usual name.
std::vector<std::string> control_paths(pid_t process,
                                       const std::string& stated);

}  // namespace hotpatch::outside

#endif
