// Where the control socket of a process may be; connecting, asking, and taking
// the answer.
//
// SPDX-License-Identifier: MIT
#include "outside/control_connection.h"

#include <cerrno>
#include <cstring>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/un.h>

#include "format/control_protocol.h"
#include "processes/errors.h"
#include "processes/incarnation.h"
#include "processes/proc_file.h"
#include "processes/process_list.h"
#include "processes/text.h"
#include "runtime/base/countermeasure.h"
#include "runtime/base/number.h"

namespace hotpatch::outside {

namespace {

// --- Where the control socket of a process may be ---
// Anybody may put a socket there: only the kernel's word on who answers counts.

// As many connections as there may be, and as many of them as are tried: all
// other processes have sockets, too, and may have made them to be in the way.
constexpr std::size_t most_listed_bytes = std::size_t{256} << 20;
constexpr std::size_t most_paths = 32;

// The process's own number, in the innermost PID namespace.
std::string own_number(const std::string& status)
{
  const std::string numbers = status_field(status, "NSpid");
  return numbers.substr(numbers.rfind('\t') + 1);
}

// A process makes its socket as itself, or before it gave up being root.
std::set<uid_t> possible_owners(const std::string& status)
{
  std::set<uid_t> owners = {0};
  std::istringstream numbers(status_field(status, "Uid"));
  for (uid_t each; numbers >> each;)
    owners.insert(each);
  return owners;
}

// ".../hotpatch/NUMBER.sock", ".../hotpatch-1000/NUMBER.sock"
bool is_in_usual_directory(std::string_view path)
{
  const std::string_view directory = path.substr(0, path.rfind('/'));
  const std::size_t above = directory.rfind('/');
  return above != std::string_view::npos &&
         directory.substr(above + 1).starts_with(format::control_directory);
}

// In the network namespace of the process, unix(7); the columns are
// "Num RefCount Protocol Flags Type St Inode Path".
std::vector<std::string> usual_paths(pid_t process, const std::string& status)
{
  constexpr std::string_view listening = "00010000";  // __SO_ACCEPTCON
  const std::string number = own_number(status);
  const std::string end = '/' +
                          (number.empty() ? std::to_string(process) : number) +
                          format::control_suffix;
  std::vector<std::string> found;
  read_proc_lines(memory_path(process, "/net/unix"), most_listed_bytes,
                  [&](const std::string& line) {
                    if (!line.ends_with(end))  // there may be thousands
                      return proc_line::more;
                    std::istringstream columns(line);
                    std::string ignored;
                    std::string flags;
                    std::string path;
                    columns >> ignored >> ignored >> ignored >> flags >>
                        ignored >> ignored >> ignored >> std::ws;
                    std::getline(columns, path);
                    if (flags == listening && is_in_usual_directory(path))
                      found.push_back(path);
                    return found.size() < most_paths ? proc_line::more
                                                     : proc_line::enough;
                  });
  return found;
}

bool belongs_to(const std::string& path, const std::set<uid_t>& owners)
{
  struct stat about;
  return stat(path.c_str(), &about) == 0 && S_ISSOCK(about.st_mode) &&
         owners.contains(about.st_uid);
}

// Paths to try, the likeliest first, and not more than some dozens: through the
// root directory of the process, which may be in a container, and as seen from
// here.  `stated`: where it is said to be; empty: look for sockets with the
// usual name.
std::vector<std::string> control_paths(pid_t process, const std::string& stated)
{
  const std::string status =
      read_proc_file(proc_path(process, "/status")).value_or("");
  const std::string root = memory_path(process, "/root");
  const std::vector<std::string> seen =
      stated.empty() ? usual_paths(process, status) : std::vector{stated};
  const std::set<uid_t> owners = possible_owners(status);
  std::vector<std::string> paths;
  for (const std::string& each : seen)
    for (const std::string& path : {root + each, each})
      if (!stated.empty() || belongs_to(path, owners))
        paths.push_back(path);
  return paths;
}

// Besides waiting for threads it has to load and check, and others may be
// before us.
constexpr std::int64_t grace_ms = 10'000;

// To be let in and to hear the first word, which costs a process nothing: one
// that stays silent is traced instead.  Within the time that the caller has,
// but a process that is about to answer gets a moment in any case.
constexpr std::int64_t greeting_ms = 5'000;
constexpr std::int64_t shortest_greeting_ms = 500;

deadline greeting_until(std::int64_t wait_ms)
{
  return deadline::in_milliseconds(
      HP_COUNTERMEASURE(short_greeting)
          ? std::clamp(wait_ms, shortest_greeting_ms, greeting_ms)
          : greeting_ms);
}

// Of all packets of an answer: a dry run may have a finding for each of many
// functions.
constexpr std::size_t most_bytes = std::size_t{16} << 20;
constexpr std::size_t most_packets = 100'000;

// getsockopt(2), Linux 6.5; older headers do not have it.
constexpr int peer_pidfd = 77;

// False: no process listens there, or lets us in before `until`: the queue of
// those who wait may be full.
bool connect_to(int connection, const std::string& path, deadline until)
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
  for (;;) {
    if (connect(connection, reinterpret_cast<const sockaddr*>(&address),
                sizeof address) == 0)
      return true;
    if ((errno != EAGAIN && errno != EINTR) || until.passed())
      return false;
    constexpr std::int64_t pause = 10'000'000;
    sleep_for(pause);
  }
}

// Which process listened there, in this process's PID namespace; 0: unknown, or
// it has ended.
pid_t listener_of(int connection)
{
  int descriptor = -1;
  socklen_t size = sizeof descriptor;
  if (getsockopt(connection, SOL_SOCKET, peer_pidfd, &descriptor, &size) == 0) {
    const file_descriptor listener(descriptor);
    return process_of_pidfd(listener.get());
  }
  if (errno != ENOPROTOOPT)
    return 0;
  ucred peer = {};
  size = sizeof peer;
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
  outcome.status = static_cast<hp_status>(
      parse_number<int>(report.subject).value_or(HP_INTERNAL));
  outcome.message = report.rest;
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

// One packet, and the process that sent it.
struct control_connection::packet {
  control_report report;
  std::size_t size = 0;    // 0: none came
  bool is_closed = false;  // and none will
  pid_t sender = 0;
};

control_connection::control_connection(pid_t process, std::string path,
                                       deadline greeting)
    : process_(process),
      greeting_(greeting),
      connection_(
          socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)),
      path_(std::move(path))
{
  // Before there is a peer that could send anything.
  const int on = 1;
  setsockopt(connection_.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
}

std::unique_ptr<control_connection> control_connection::open(
    pid_t process, const std::string& path, std::int64_t wait_ms)
{
  const deadline until = greeting_until(wait_ms);
  for (const std::string& each : control_paths(process, path)) {
    std::unique_ptr<control_connection> made(
        new control_connection(process, each, until));
    const int connection = made->connection_.get();
    if (connect_to(connection, each, until) &&
        listener_of(connection) == process)
      return made;
  }
  return nullptr;
}

void control_connection::send_request(const std::string& request,
                                      int file) const
{
  std::string text = format::control_greeting + request;
  if (text.size() > format::control_packet_size)
    throw tool_error("the request to " + process_text(process_) +
                     " is too long");
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
  // A process that has just ended, or refuses us, has closed already.
  if (sendmsg(connection_.get(), &message, MSG_NOSIGNAL) < 0 && errno != EPIPE)
    throw tool_error(process_text(process_) + ": nothing can be sent to " +
                     path_ + ": " + std::strerror(errno));
}

control_connection::packet control_connection::receive(deadline until) const
{
  std::string text(format::control_packet_size, '\0');
  iovec part = {text.data(), text.size()};
  // Room for the sender's numbers, and not for descriptors: what does not fit
  // the kernel keeps to itself.
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ucred))] = {};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  bool was_reset = false;
  for (;;) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t got =
        recvmsg(connection_.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (got > 0) {
      packet found;
      found.size = static_cast<std::size_t>(got);
      text.resize(found.size);
      found.report = parse_report(text);
      const cmsghdr* const header = CMSG_FIRSTHDR(&message);
      if (header != nullptr && header->cmsg_level == SOL_SOCKET &&
          header->cmsg_type == SCM_CREDENTIALS) {
        ucred sender = {};
        std::memcpy(&sender, CMSG_DATA(header), sizeof sender);
        found.sender = sender.pid;
      }
      return found;
    }
    // Who refuses us closes without reading; its reason is after the error.
    if (got < 0 && errno == ECONNRESET && !was_reset) {
      was_reset = true;
      continue;
    }
    packet none;
    none.is_closed = got == 0 || (errno != EAGAIN && errno != EINTR);
    if (none.is_closed || until.passed())
      return none;
    constexpr std::int64_t millisecond = 1'000'000;
    pollfd source = {connection_.get(), POLLIN, 0};
    poll(&source, 1, static_cast<int>(until.left() / millisecond + 1));
  }
}

// Who sent it, if that was another process; else "".
std::string control_connection::wrong_sender(const packet& got) const
{
  if (got.size == 0 || got.sender == process_ ||
      !HP_COUNTERMEASURE(answer_from_process))
    return "";
  return got.sender == 0 ? "a process that cannot be seen from here"
                         : process_text(got.sender);
}

control_outcome control_connection::ask(
    const std::string& request, int file, std::int64_t wait_ms,
    const std::function<void(const control_report&)>& report) const
{
  const std::int64_t limit_ms = wait_ms + grace_ms;
  deadline until = greeting_;
  bool asked = false;
  std::size_t bytes = 0;
  for (std::size_t packets = 0;; ++packets) {
    const packet got = receive(until);
    bytes += got.size;
    const std::string other = wrong_sender(got);
    if (!asked && got.size == 0)
      return {false, HP_DENIED, "does not answer at its control socket"};
    if (!asked && !other.empty())
      return {false, HP_DENIED,
              other + " answers at its control socket in its place"};
    if (!other.empty())
      throw tool_error(process_text(process_) + ": " + other +
                       " answers at its control socket in its place; hp-status "
                       "shows what was done");
    if (got.is_closed)
      throw tool_error(process_text(process_) +
                       " closed the connection (did it exit?); hp-status "
                       "shows what it has done");
    if (got.size == 0 || bytes > most_bytes || packets > most_packets)
      throw tool_error(
          process_text(process_) +
          (got.size != 0
               ? " answers without end"
               : " has not answered for " + std::to_string(limit_ms / 1000) +
                     " seconds (is it stopped?)") +
          "; it may still do what it was asked to: hp-status shows it");
    const control_report& told = got.report;
    if (told.kind == "refused" || (asked && told.kind == "done"))
      return outcome_of(told);
    if (asked) {
      report(told);
      continue;
    }
    if (told.kind != "ready")
      return {false, HP_UNSUPPORTED,
              "it speaks as another version of hotpatch does"};
    send_request(request, file);
    asked = true;
    until = deadline::in_milliseconds(limit_ms);
  }
}

}  // namespace hotpatch::outside
