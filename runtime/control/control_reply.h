// What a client is told, packet by packet.
//
// A client that does not take its answer, or is gone, costs at most a moment:
// after the first packet that cannot be sent there are no more.  One thread.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_CONTROL_REPLY_H
#define HOTPATCH_RUNTIME_CONTROL_REPLY_H

#include <cstddef>
#include <cstdint>

#include "runtime/base/file_descriptor.h"
#include "runtime/include/hotpatch.h"

namespace hotpatch {

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
  void finding(hp_status status, const char* words) noexcept;

  // With what is to be said about it; "": nothing.
  void done(hp_status status, const char* words) noexcept;
  // The client is not obeyed at all.
  void refused(hp_status status) noexcept;

 private:
  [[gnu::format(printf, 2, 3)]] void send_packet(const char* format,
                                                 ...) noexcept;

  const noted_descriptor& connection_;
  bool listening_ = true;
};

}  // namespace hotpatch

#endif
