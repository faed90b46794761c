// Letting clients in, and out.
//
// SPDX-License-Identifier: MIT
#include "runtime/control/control_clients.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <linux/capability.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "format/control_protocol.h"
#include "runtime/base/countermeasure.h"
#include "runtime/base/deadline.h"
#include "runtime/base/status.h"
#include "runtime/base/system_call.h"
#include "runtime/control/control_service.h"

namespace hotpatch {

// The rules of ptrace(2), section "Ptrace access mode checking", for a client.

namespace {

// What the kernel says for a user that a user namespace has no number for
// (/proc/sys/kernel/overflowuid): such users are not all one.
constexpr uid_t nobodys_uid = 65534;

bool runs_as(const ucred& peer)
{
  uid_t uids[3] = {};
  gid_t gids[3] = {};
  if (getresuid(&uids[0], &uids[1], &uids[2]) != 0 ||
      getresgid(&gids[0], &gids[1], &gids[2]) != 0)
    return false;
  for (int i = 0; i < 3; ++i)
    if (uids[i] != peer.uid || gids[i] != peer.gid)
      return false;
  return peer.uid != nobodys_uid;
}

// Another process of the same user need not have them.
bool has_capabilities()
{
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {};
  return system_call(SYS_capget, &header, sets) != 0 ||
         (sets[0].permitted | sets[1].permitted) != 0;
}

// Only of such a process may another one of its user see or change the memory;
// others have forbidden it themselves (prctl(2), PR_SET_DUMPABLE), or were
// started from a file that the user may not read, or had other numbers before.
bool lets_its_user_trace()
{
  constexpr int dumped_as_user = 1;  // SUID_DUMP_USER
  return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == dumped_as_user;
}

}  // namespace

hp_status check_control_peer(int connection) noexcept
{
  ucred peer = {};
  socklen_t size = sizeof peer;
  if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
    return fail(HP_DENIED, "the system does not tell who the client is: %s",
                std::strerror(errno));
  if (peer.uid == 0)
    return HP_OK;
  if (!HP_COUNTERMEASURE(look_at_peer))
    return HP_OK;
  if (!runs_as(peer))
    return fail(HP_DENIED,
                "process %d belongs to user %u (group %u); this process obeys "
                "only those who run with all of its user's and group's numbers "
                "(%u, %u), and root",
                peer.pid, peer.uid, peer.gid, getuid(), getgid());
  if (has_capabilities())
    return fail(HP_DENIED,
                "this process has capabilities that process %d of the same "
                "user may lack: it obeys only root",
                peer.pid);
  if (HP_COUNTERMEASURE(refuse_undumpable) && !lets_its_user_trace())
    return fail(HP_DENIED,
                "this process does not let its own user look into it "
                "(PR_SET_DUMPABLE in prctl(2)): it obeys only root, and "
                "process %d is not root's",
                peer.pid);
  return HP_OK;
}

namespace {

constexpr std::int64_t millisecond = 1'000'000;

}  // namespace

control_clients::~control_clients()
{
  while (count_ != 0)
    drop(count_ - 1);
}

// poll(2) holds the files, whatever becomes of their numbers: if the program
// closes the other end of `wake_` as well, that tells it.
bool control_clients::attend() noexcept
{
  pollfd sources[2 + most];
  sources[0] = {wake_.get(), POLLIN, 0};
  const int listener = listener_.get();
  if (sources[0].fd < 0 || listener < 0)
    return false;
  // poll(2) passes over negative numbers: who comes has to wait outside.
  sources[1] = {count_ < most ? listener : -1, POLLIN, 0};
  for (std::size_t i = 0; i < count_; ++i)
    sources[2 + i] = {clients_[i].connection.get(), POLLIN, 0};
  const std::size_t polled = count_;
  if (poll(sources, 2 + polled, time_left()) < 0)
    return true;

  if (!wake_ || !listener_)
    return false;
  if (sources[0].revents != 0) {
    char calls[64];
    const ssize_t got = read(wake_.get(), calls, sizeof calls);
    if (got >= 0)
      return got > 0;  // first what it is about; poll() tells the rest again
  }
  for (std::size_t i = 0; i < polled; ++i) {
    if (sources[2 + i].fd >= 0 && sources[2 + i].revents == 0)
      continue;
    // Only one: others may be gone when that is done.
    if (sources[2 + i].fd >= 0 && (sources[2 + i].revents & POLLHUP) == 0)
      serve_control_client(clients_[i].connection);
    drop(i);
    break;
  }
  drop_late(monotonic_now());
  if (sources[1].revents != 0 && listener_)
    admit();
  return true;
}

void control_clients::admit() noexcept
{
  const int connection =
      accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
  if (connection < 0) {
    // Without descriptors or memory it would be offered again at once.
    constexpr std::int64_t pause = 50 * millisecond;
    if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
      sleep_for(pause);
    return;
  }
  if (const hp_status status = check_control_peer(connection);
      status != HP_OK) {
    const kept_descriptor refused(connection);
    control_reply(refused).refused(status);
    return;
  }
  client& newest = clients_[count_++];
  newest.connection.reset(connection);
  newest.until = monotonic_now() + format::control_patience_ms * millisecond;
  control_reply(newest.connection).ready();
}

void control_clients::drop(std::size_t index) noexcept
{
  clients_[index].connection.reset(-1);
  --count_;
  std::copy(clients_ + index + 1, clients_ + count_ + 1, clients_ + index);
  clients_[count_] = {};
}

// A client that has spoken since has had no turn yet.
void control_clients::drop_late(std::int64_t now) noexcept
{
  for (std::size_t i = count_; i-- > 0;) {
    pollfd source = {clients_[i].connection.get(), POLLIN, 0};
    if (clients_[i].until <= now && poll(&source, 1, 0) == 0)
      drop(i);
  }
}

// In milliseconds, for poll(2); negative: for ever.
int control_clients::time_left() const noexcept
{
  if (count_ == 0)
    return -1;
  std::int64_t first = clients_[0].until;
  for (std::size_t i = 1; i < count_; ++i)
    first = std::min(first, clients_[i].until);
  const std::int64_t left = std::max<std::int64_t>(first - monotonic_now(), 0);
  return static_cast<int>(left / millisecond + 1);
}

}  // namespace hotpatch
