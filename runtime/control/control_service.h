// What one client asks for, what is done, and what the client is told.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_CONTROL_SERVICE_H
#define HOTPATCH_RUNTIME_CONTROL_SERVICE_H

#include <cstddef>
#include <cstdint>

#include "format/level.h"
#include "runtime/base/file_descriptor.h"
#include "runtime/include/hotpatch.h"

namespace hotpatch {

// One request of a client, read from the packet that it came in.
//
// Pure; the texts point into the packet.  Nothing in a packet is believed: what
// is not said exactly as format/control_protocol.h has it is refused.
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

// What a client is told, packet by packet.
//
// A client that does not take its answer, or is gone, costs at most a moment:
// after the first packet that cannot be sent there are no more.  One thread.
class control_reply {
 public:
  // The connection outlives this object.
  explicit control_reply(const noted_descriptor& connection) noexcept;
  control_reply(const control_reply&) = delete;
  control_reply& operator=(const control_reply&) = delete;

  // The first word to a client that is obeyed.
  void ready() noexcept;
  void program(const char* path, std::size_t images) noexcept;
  void patch(const hp_patch& patch, std::uint64_t sequence,
             const char* path) noexcept;
  void finding(hp_status status, const char* message) noexcept;

  // With what is to be said about it; "": nothing.
  void done(hp_status status, const char* message) noexcept;
  // The client is not obeyed at all.
  void refused(hp_status status) noexcept;

 private:
  [[gnu::format(printf, 2, 3)]] void send_packet(const char* format,
                                                 ...) noexcept;

  const noted_descriptor& connection_;
  bool listening_ = true;
};

// Doing what one client asks for.
//
// In the control thread, without any lock.  Whether the client lives to hear
// the outcome makes no difference to what is done.

// There is a packet, or the client is gone.  The connection is the caller's.
void serve_control_client(const noted_descriptor& connection) noexcept;

}  // namespace hotpatch

#endif
