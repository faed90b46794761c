// Doing what one client asks for.
//
// In the control thread, without any lock.  Whether the client lives to hear
// the outcome makes no difference to what is done.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_CONTROL_SERVICE_H
#define HOTPATCH_RUNTIME_CONTROL_SERVICE_H

#include "runtime/base/file_descriptor.h"

namespace hotpatch {

// There is a packet, or the client is gone.  The connection is the caller's.
void serve_control_client(const noted_descriptor& connection) noexcept;

}  // namespace hotpatch

#endif
