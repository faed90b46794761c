// Connecting, asking, and taking the answer.
//
// SPDX-License-Identifier: MIT
#include "outside/control_connection.h"

#include <cerrno>
#include <charconv>
#include <cstring>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "format/control_protocol.h"
#include "outside/control_path.h"
#include "processes/threads.h"
#include "processes/trouble.h"

namespace hotpatch::outside {

namespace {

// Besides waiting for threads it has to load and check, and others may be
// before us.
constexpr std::int64_t grace_ms = 10'000;

void limit_waiting(int connection, std::int64_t milliseconds)
{
  const timeval limit = {milliseconds / 1000, milliseconds % 1000 * 1000};
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

// False: nobody listens there, or lets us in soon: where the queue of those who
// wait is full, connect(2) would wait for ever.
bool connect_to(int connection, const std::string& path)
{
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::string name = path;
  // A longer path is named by its directory's descriptor.
  const std::size_t slash = path.rfind('/');
  const file_descriptor directory(
      path.size() < sizeof address.sun_path || slash == std::string::npos
          ? -1
          : ::open(path.substr(0, slash).c_str(), O_PATH | O_CLOEXEC));
  if (directory)
    name =
        "/proc/self/fd/" + std::to_string(directory.get()) + path.substr(slash);
  if (name.size() >= sizeof address.sun_path)
    return false;
  std::memcpy(address.sun_path, name.c_str(), name.size() + 1);
  limit_waiting(connection, grace_ms);
  return connect(connection, reinterpret_cast<const sockaddr*>(&address),
                 sizeof address) == 0;
}

// In this process's PID namespace; 0: unknown.
pid_t listener_of(int connection)
{
  ucred peer = {};
  socklen_t size = sizeof peer;
  return getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0
             ? peer.pid
             : 0;
}

control_report parse_report(std::string packet)
{
  control_report report;
  const std::size_t line = std::min(packet.find('\n'), packet.size());
  const std::size_t blank = std::min(packet.find(' '), line);
  report.kind = packet.substr(0, blank);
  report.subject = packet.substr(std::min(blank + 1, line), line - blank);
  while (!report.subject.empty() && report.subject.back() == '\n')
    report.subject.pop_back();
  report.rest = packet.substr(std::min(line + 1, packet.size()));
  while (!report.rest.empty() && report.rest.back() == '\n')
    report.rest.pop_back();
  return report;
}

control_outcome outcome_of(const control_report& report)
{
  control_outcome outcome;
  int number = HP_INTERNAL;
  const char* const text = report.subject.c_str();
  std::from_chars(text, text + report.subject.size(), number);
  outcome.status = static_cast<hp_status>(number);
  outcome.words = report.rest;
  outcome.obeys = report.kind != "refused";
  return outcome;
}

}  // namespace

std::string control_report::field(const char* word) const
{
  const std::string wanted = std::string(word) + ' ';
  std::size_t at = 0;
  while (at < rest.size()) {
    const std::size_t end = std::min(rest.find('\n', at), rest.size());
    if (rest.compare(at, wanted.size(), wanted) == 0)
      return rest.substr(at + wanted.size(), end - at - wanted.size());
    at = end + 1;
  }
  return "";
}

control_connection::control_connection(pid_t process, std::string path)
    : process_(process),
      connection_(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)),
      path_(std::move(path))
{
}

std::unique_ptr<control_connection> control_connection::open(
    pid_t process, const std::string& path)
{
  for (const std::string& each : control_paths(process, path)) {
    std::unique_ptr<control_connection> made(
        new control_connection(process, each));
    const int connection = made->connection_.get();
    if (connect_to(connection, each) && listener_of(connection) == process)
      return made;
  }
  return nullptr;
}

void control_connection::send_request(const std::string& request,
                                      int file) const
{
  std::string text = format::control_greeting + request;
  if (text.size() > format::control_packet_size)
    throw trouble("the request to " + process_text(process_) + " is too long");
  iovec part = {text.data(), text.size()};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  if (file >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof file);
    std::memcpy(CMSG_DATA(header), &file, sizeof file);
  }
  // A process that refuses us may have closed already: its reason can be read.
  if (sendmsg(connection_.get(), &message, MSG_NOSIGNAL) < 0 && errno != EPIPE)
    throw trouble(process_text(process_) + ": nothing can be sent to " + path_ +
                  ": " + std::strerror(errno));
}

control_outcome control_connection::ask(
    const std::string& request, int file, std::int64_t wait_ms,
    const std::function<void(const control_report&)>& report) const
{
  const std::int64_t limit_ms = wait_ms + grace_ms;
  limit_waiting(connection_.get(), limit_ms);
  send_request(request, file);
  std::string packet(format::control_packet_size, '\0');
  bool was_reset = false;
  for (;;) {
    const ssize_t got =
        recv(connection_.get(), packet.data(), packet.size(), 0);
    if (got < 0 && errno == EINTR)
      continue;
    // Who refuses us closes without reading; its reason is behind the error.
    if (got < 0 && errno == ECONNRESET && !was_reset) {
      was_reset = true;
      continue;
    }
    if (got < 0 && errno == EAGAIN)
      throw trouble(process_text(process_) + " has not answered for " +
                    std::to_string(limit_ms / 1000) +
                    " seconds (is it stopped?); it may still do what it was "
                    "asked to: hp-status shows it");
    if (got <= 0)
      throw trouble(process_text(process_) +
                    " has broken off the connection (did it end?); hp-status "
                    "shows what it has done");
    const control_report told =
        parse_report(packet.substr(0, static_cast<std::size_t>(got)));
    if (told.kind == "done" || told.kind == "refused")
      return outcome_of(told);
    report(told);
  }
}

}  // namespace hotpatch::outside
