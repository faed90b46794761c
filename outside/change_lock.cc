// flock(2) on what belongs to a process.
//
// SPDX-License-Identifier: MIT
#include "outside/change_lock.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "processes/errors.h"
#include "processes/memory.h"
#include "processes/proc_file.h"
#include "processes/process_list.h"
#include "processes/text.h"
#include "runtime/base/countermeasure.h"

namespace hotpatch::outside {

namespace {

constexpr std::int64_t pause_ns = 5'000'000;

// None where this process may not trace that one, or that one has ended: then
// no change by tracing begins.
int open_memory(pid_t process)
{
  const int file =
      open(memory_path(process, "/mem").c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0 && errno != EACCES && errno != EPERM && errno != ESRCH &&
      errno != ENOENT)
    refuse_access(process, errno);
  return file;
}

// linux/magic.h, PID_FS_MAGIC.  Older kernels give all pidfds one inode.
constexpr long pidfs_magic = 0x50494446;

int open_identity(pid_t process)
{
  const int file = static_cast<int>(syscall(SYS_pidfd_open, process, 0));
  struct statfs system;
  if (file < 0 || (fstatfs(file, &system) == 0 && system.f_type == pidfs_magic))
    return file;
  close(file);
  return -1;
}

// The process that /proc/locks, proc_locks(5), names for that file; 0: none
// that can be seen from here.
pid_t holder_of(int file)
{
  struct stat wanted;
  if (fstat(file, &wanted) != 0)
    return 0;
  std::ifstream locks("/proc/locks");
  for (std::string line; std::getline(locks, line);) {
    int holder = 0;
    unsigned major = 0;
    unsigned minor = 0;
    unsigned long inode = 0;
    if (std::sscanf(line.c_str(), "%*d: FLOCK %*s WRITE %d %x:%x:%lu", &holder,
                    &major, &minor, &inode) == 4 &&
        makedev(major, minor) == wanted.st_dev && inode == wanted.st_ino)
      return holder;
  }
  return 0;
}

struct owner {
  bool known = false;
  uid_t effective = 0;
};

owner owner_of(pid_t process)
{
  std::istringstream ids(
      status_field(thread_file(process, process, "status"), "Uid"));
  uid_t real = 0;
  owner found;
  found.known = static_cast<bool>(ids >> real >> found.effective);
  return found;
}

// Root, we, and those that have the process's own user.  One that cannot be
// seen is above us in the tree of PID namespaces.
bool may_change(pid_t holder, pid_t process)
{
  const owner holders = owner_of(holder);
  const owner processes = owner_of(process);
  return holder == 0 || !holders.known || holders.effective == 0 ||
         holders.effective == geteuid() || !processes.known ||
         holders.effective == processes.effective;
}

std::string holder_text(pid_t holder)
{
  if (holder == 0)
    return "by a process of another PID namespace, which cannot be seen from "
           "here";
  std::string name = thread_file(holder, holder, "comm");
  name.resize(std::min(name.find('\n'), name.size()));
  std::string text = "by ";
  append_printable(text, name);
  text += ", process " + std::to_string(holder);
  if (const owner holders = owner_of(holder); holders.known)
    text += " of user " + std::to_string(holders.effective);
  const std::string state =
      status_field(thread_file(holder, holder, "status"), "State");
  if (state.starts_with('T') || state.starts_with('t'))
    text += ", which is stopped";
  return text;
}

}  // namespace

change_lock::change_lock(pid_t process, deadline until, const listener& on_wait)
    : process_(process),
      memory_(open_memory(process)),
      identity_(open_identity(process))
{
  if (!HP_COUNTERMEASURE(one_change_at_a_time))
    return;
  // Without the right to trace it only the process itself can change it, which
  // does one thing after the other.
  if (memory_)
    (void)take(memory_, until, on_wait, false);
  if (identity_)
    (void)take(identity_, until, on_wait, true);
}

// False: a process that has no right to it holds it, and is passed over.
bool change_lock::take(const file_descriptor& file, deadline until,
                       const listener& on_wait, bool only_from_peers)
{
  bool told = false;
  for (;;) {
    if (flock(file.get(), LOCK_EX | LOCK_NB) == 0)
      return true;
    if (errno != EWOULDBLOCK && errno != EINTR)
      throw tool_error(process_text(process_) +
                       " cannot be kept from being changed by two commands at "
                       "once: flock: " +
                       std::strerror(errno));
    const pid_t holder = holder_of(file.get());
    const std::string message =
        process_text(process_) + " is being changed " + holder_text(holder);
    if (only_from_peers && !may_change(holder, process_)) {
      if (on_wait)
        on_wait(message + ", which has no right to; that is passed over");
      return false;
    }
    if (until.passed())
      throw process_busy(message + "; nothing was changed");
    if (!told && on_wait)
      on_wait(message + "; it is waited for");
    told = true;
    sleep_for(std::min(pause_ns, until.left()));
  }
}

}  // namespace hotpatch::outside
