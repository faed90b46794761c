// The rules of ptrace(2), section "Ptrace access mode checking", for a client.
// SPDX-License-Identifier: MIT
#include "runtime/control/control_peer.h"

#include <cerrno>
#include <cstring>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/countermeasure.h"
#include "runtime/base/status.h"
#include "runtime/base/system_call.h"

namespace hotpatch {

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

}  // namespace hotpatch
