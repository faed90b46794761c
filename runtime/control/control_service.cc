// Reading a request, doing it, and answering.
//
// SPDX-License-Identifier: MIT
#include "runtime/control/control_service.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdarg>
#include <cstdio>
#include <cstring>

#include <sys/socket.h>
#include <unistd.h>

#include "format/control_protocol.h"
#include "runtime/base/deadline.h"
#include "runtime/base/file_descriptor.h"
#include "runtime/base/number.h"
#include "runtime/base/status.h"
#include "runtime/library/library.h"
#include "runtime/library/log.h"
#include "runtime/library/patch_listing.h"
#include "runtime/loading/loaded_patch.h"
#include "runtime/loading/patch_loader.h"
#include "runtime/sites/image_file.h"
#include "runtime/transactions/transaction.h"

namespace hotpatch {

// Reading a request, line by line.

namespace {

using format::control_greeting;

// What is after `word` and its blank; null if the line is another one.
const char* after_word(const char* line, const char* word)
{
  const std::size_t length = std::strlen(word);
  return std::strncmp(line, word, length) == 0 && line[length] == ' '
             ? line + length + 1
             : nullptr;
}

hp_status refuse_line(const char* line)
{
  return fail(HP_INVALID, "a line of the request is not understood: \"%.64s\"",
              line);
}

hp_status read_action(const char* line, control_request& into)
{
  constexpr std::size_t greeting = sizeof control_greeting - 1;
  if (std::strncmp(line, control_greeting, greeting) != 0)
    return fail(HP_UNSUPPORTED,
                "this process expects \"%s\", and \"%.32s\" came: the tool is "
                "of another version of hotpatch",
                control_greeting, line);
  const char* verb = line + greeting;
  if (std::strcmp(verb, "load") == 0)
    into.what = control_request::action::load;
  else if (std::strcmp(verb, "unload") == 0)
    into.what = control_request::action::unload;
  else if (std::strcmp(verb, "status") == 0)
    into.what = control_request::action::status;
  else
    return refuse_line(line);
  return HP_OK;
}

bool read_line(const char* line, control_request& into)
{
  const bool loads = into.what == control_request::action::load;
  const bool unloads = into.what == control_request::action::unload;
  if (!loads && !unloads)
    return false;
  if (const char* level = after_word(line, "level"))
    return into.level == format::level::unstated &&
           format::parse_level(level, into.level);
  if (const char* timeout = after_word(line, "timeout"))
    return parse_number(timeout, into.timeout_ms);
  if (loads && std::strcmp(line, "check") == 0)
    return into.check_only = true;
  if (loads && std::strcmp(line, "allow-copies") == 0)
    return into.allow_copies = true;
  const char* path = loads ? after_word(line, "path") : nullptr;
  if (path != nullptr && into.path == nullptr && *path == '/') {
    into.path = path;
    return true;
  }
  const char* name = unloads ? after_word(line, "name") : nullptr;
  if (name != nullptr && into.name == nullptr && *name != '\0') {
    into.name = name;
    return true;
  }
  return false;
}

}  // namespace

hp_status read_control_request(char* packet, std::size_t size,
                               control_request& into) noexcept
{
  if (size == 0 || packet[size - 1] != '\n' ||
      std::memchr(packet, '\0', size) != nullptr)
    return fail(HP_INVALID, "the request is no text of whole lines");
  char* const end = packet + size;
  bool first = true;
  for (char* line = packet; line != end;) {
    char* const last = static_cast<char*>(
        std::memchr(line, '\n', static_cast<std::size_t>(end - line)));
    *last = '\0';
    if (first)
      if (const hp_status status = read_action(line, into); status != HP_OK)
        return status;
    if (!first && !read_line(line, into))
      return refuse_line(line);
    first = false;
    line = last + 1;
  }
  if (into.what == control_request::action::load && into.path == nullptr)
    return fail(HP_INVALID, "the request names no path");
  if (into.what == control_request::action::unload && into.name == nullptr)
    return fail(HP_INVALID, "the request names no patch");
  return HP_OK;
}

// Sending packets.

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
  // was stopped (signal(7)).
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

void control_reply::finding(hp_status status, const char* message) noexcept
{
  send_packet("finding %d\n%s\n", status, message);
}

void control_reply::done(hp_status status, const char* message) noexcept
{
  if (*message == '\0')
    send_packet("done %d\n", status);
  else
    send_packet("done %d\n%s\n", status, message);
}

void control_reply::refused(hp_status status) noexcept
{
  send_packet("refused %d\n%s\n", status, last_message());
}

// Receiving a request with its file, and answering it.

namespace {

// The first descriptor that came along; others are closed.
void take_descriptors(msghdr& message, kept_descriptor& first)
{
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
      continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(part) + i * sizeof(int), sizeof number);
      if (first)
        close(number);
      else
        first.reset(number);
    }
  }
}

struct received_request {
  char packet[format::control_packet_size];
  kept_descriptor file;
  control_request request;
};

// False: the client is gone, and no client waits for an answer.
bool receive(const noted_descriptor& connection, received_request& into,
             hp_status& status)
{
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  iovec text = {into.packet, sizeof into.packet};
  msghdr message = {};
  message.msg_iov = &text;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t got =
      recvmsg(connection.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got < 0)
    return false;
  take_descriptors(message, into.file);
  if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
    status = fail(HP_INVALID,
                  "the request is longer than %zu bytes, or more than one file "
                  "came along",
                  sizeof into.packet);
  else if (got == 0)
    return false;
  else
    status = read_control_request(into.packet, static_cast<std::size_t>(got),
                                  into.request);
  return true;
}

hp_commit_options options_of(const control_request& request)
{
  hp_commit_options options = default_options;
  options.level = request.level == format::level::unstated
                      ? HP_QUIESCENT
                      : hp_level_of(request.level);
  if (request.allow_copies)
    options.flags = HP_ALLOW_COPIES;
  // 0 would mean to wait for another thread's hooks as long as they take.
  options.timeout_ms = std::clamp<std::uint32_t>(
      request.timeout_ms, 1, format::control_longest_wait_ms);
  return options;
}

hp_status load(const received_request& received, control_reply& reply)
{
  const control_request& request = received.request;
  if (!received.file)
    return fail(HP_INVALID, "no file came along with the request");
  // What came along, whatever is at its path for this process.
  const patch_source source = {request.path, received.file.get()};
  if (request.check_only) {
    check_report report(
        [](hp_status status, const char* message, void* data) {
          static_cast<control_reply*>(data)->finding(status, message);
        },
        &reply);
    if (request.allow_copies)
      report.tolerate(HP_INLINED);
    return check_patch_object(source, report);
  }
  const call_context call = {"load", __builtin_frame_address(0)};
  return load_patch_object(
      call, source,
      {options_of(request), request.level == format::level::unstated});
}

// Its path and place in the order, "" and 0 for one without an object.
struct origin {
  char path[PATH_MAX] = "";
  std::uint64_t sequence = 0;
};

void find_origin(const char* name, origin& into)
{
  (void)library::locked([&](library& self) {
    const loaded_patch* found = loaded_patches::of(self).find(name, name);
    if (found != nullptr && found->applied()) {
      std::snprintf(into.path, sizeof into.path, "%s", found->path());
      into.sequence = found->sequence();
    }
    return HP_OK;
  });
}

// Of this name, or all if it is null.
hp_status tell_patches(const char* name, control_reply& reply)
{
  patch_listing listing;
  const hp_status status = library::locked([&](library& self) {
    const hp_status refreshed = self.sites().refresh();
    return refreshed == HP_OK ? listing.take(self.all_patches()) : refreshed;
  });
  if (status != HP_OK)
    return status;
  for (std::size_t i = 0; i < listing.size(); ++i) {
    const hp_patch& patch = listing[i];
    if (name != nullptr && std::strcmp(name, patch.name) != 0)
      continue;
    origin from;
    find_origin(patch.name, from);
    reply.patch(patch, from.sequence, from.path);
  }
  return HP_OK;
}

hp_status tell_program(control_reply& reply)
{
  char path[PATH_MAX];
  (void)read_program_link(path);
  std::size_t images = 0;
  const hp_status status = library::locked([&](library& self) {
    const hp_status refreshed = self.sites().refresh();
    hotpatch::images& all = self.sites().all_images();
    for (std::size_t i = 0; i < all.size(); ++i)
      images += all[i].prepare() == HP_OK && all[i].has_sites();
    return refreshed;
  });
  if (status == HP_OK)
    reply.program(path, images);
  return status;
}

hp_status obey(const received_request& received, control_reply& reply)
{
  const control_request& request = received.request;
  const call_context call = {"unload", __builtin_frame_address(0)};
  hp_status status = HP_OK;
  switch (request.what) {
    case control_request::action::load:
      return load(received, reply);
    case control_request::action::unload:
      status = tell_patches(request.name, reply);
      return status == HP_OK
                 ? unload_patch_object(call, request.name, options_of(request))
                 : status;
    case control_request::action::status:
      status = tell_program(reply);
      return status == HP_OK ? tell_patches(nullptr, reply) : status;
  }
  return HP_INTERNAL;
}

void note(const control_request& request, hp_status status)
{
  if (request.what == control_request::action::status)
    return;
  const bool loads = request.what == control_request::action::load;
  const char* verb = loads ? request.check_only ? "check" : "load" : "unload";
  const char* name = loads ? request.path : request.name;
  if (status == HP_OK)
    log(HP_LOG_INFO, "control socket: %s %s", verb, name);
  else
    log(HP_LOG_ERROR, "control socket: %s %s: %s", verb, name, last_message());
}

}  // namespace

void serve_control_client(const noted_descriptor& connection) noexcept
{
  received_request received;
  hp_status status = HP_OK;
  if (!receive(connection, received, status))
    return;
  control_reply reply(connection);
  char message[2048];  // the program's log handler may make another one
  std::snprintf(message, sizeof message, "%s", last_message());
  if (status == HP_OK) {
    status = obey(received, reply);
    std::snprintf(message, sizeof message, "%s", last_message());
    note(received.request, status);
  }
  // A success has a message only where that says what is left of a patch.
  const bool has_message =
      status != HP_OK ||
      received.request.what == control_request::action::unload;
  reply.done(status, has_message ? message : "");
}

}  // namespace hotpatch
