// Sending packets.
// SPDX-License-Identifier: MIT
#include "runtime/control/control_reply.h"

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <sys/socket.h>

#include "format/control_protocol.h"
#include "runtime/base/deadline.h"
#include "runtime/base/status.h"

namespace hotpatch {

control_reply::control_reply(const noted_descriptor& connection) noexcept
    : connection_(connection)
{
  const timeval patience = {format::control_patience_ms / 1000,
                            format::control_patience_ms % 1000 * 1000};
  setsockopt(connection.get(), SOL_SOCKET, SO_SNDTIMEO, &patience,
             sizeof patience);
}

void control_reply::send_packet(const char* format, ...) noexcept
{
  if (!listening_)
    return;
  char text[format::control_packet_size];
  va_list arguments;
  va_start(arguments, format);
  const int length = std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  const std::size_t size =
      std::min(static_cast<std::size_t>(std::max(length, 0)), sizeof text - 1);
  // A wait that has a limit is not taken up again by itself when this thread
  // was stopped meanwhile (signal(7)).
  const auto until = deadline::in_milliseconds(format::control_patience_ms);
  do
    listening_ = send(connection_.get(), text, size, MSG_NOSIGNAL) >= 0;
  while (!listening_ && errno == EINTR && !until.passed());
}

void control_reply::ready() noexcept
{
  send_packet("ready 1\n");
}

void control_reply::program(const char* path, std::size_t images) noexcept
{
  send_packet("program %s\nimages %zu\n", path, images);
}

void control_reply::patch(const hp_patch& patch, std::uint64_t sequence,
                          const char* path) noexcept
{
  send_packet(
      "patch %s\nversion %u\nsites %u\nactive %u\nsequence %lu\npath %s\n",
      patch.name, patch.version, patch.sites, patch.active, sequence, path);
}

void control_reply::finding(hp_status status, const char* words) noexcept
{
  send_packet("finding %d\n%s\n", status, words);
}

void control_reply::done(hp_status status, const char* words) noexcept
{
  if (*words == '\0')
    send_packet("done %d\n", status);
  else
    send_packet("done %d\n%s\n", status, words);
}

void control_reply::refused(hp_status status) noexcept
{
  send_packet("refused %d\n%s\n", status, last_message());
}

}  // namespace hotpatch
