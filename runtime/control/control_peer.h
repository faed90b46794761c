// Who may use a control socket: processes that could trace this one.
//
// Decided by what the kernel says of the client, never by what the client says.
// Any thread.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_CONTROL_PEER_H
#define HOTPATCH_RUNTIME_CONTROL_PEER_H

#include "runtime/include/hotpatch.h"

namespace hotpatch {

// HP_DENIED, with the reason.
[[nodiscard]] hp_status check_control_peer(int connection) noexcept;

}  // namespace hotpatch

#endif
