// One request of a client, read from the packet that it came in.
//
// Pure; the texts point into the packet.  Nothing in a packet is believed: what
// is not said exactly as format/control_protocol.h has it is refused.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_CONTROL_REQUEST_H
#define HOTPATCH_RUNTIME_CONTROL_REQUEST_H

#include <cstddef>
#include <cstdint>

#include "format/level.h"
#include "runtime/include/hotpatch.h"

namespace hotpatch {

struct control_request {
  enum class action : std::uint8_t { load, unload, status };

  action what = action::status;
  const char* path = nullptr;
  const char* name = nullptr;
  format::level level = format::level::unstated;
  std::uint32_t timeout_ms = 0;
  bool check_only = false;
  bool allow_copies = false;
};

// Writes zeros over the ends of lines.  HP_INVALID, HP_UNSUPPORTED.
[[nodiscard]] hp_status read_control_request(char* packet, std::size_t size,
                                             control_request& into) noexcept;

}  // namespace hotpatch

#endif
