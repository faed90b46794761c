// One change of a process at a time.
//
// Owns the invariant that of all hp-apply, hp-revert and hp-watch commands one
// changes a process while the others wait.  It ends with its owner, however
// that ends, because it is an flock(2) on files that the owner has open:
//
//   /proc/PID/mem   may be opened only by those that may trace the process, so
//                   no other can hold it.  All that use the same mount of
//                   /proc meet there.
//   a pidfd         has one inode for each process, whatever is mounted where
//                   (Linux 6.9, fs/pidfs.c).  Commands in other mount and PID
//                   namespaces meet there.  Everybody may lock it, so a holder
//                   that may not change the process is passed over.
//
// From one thread.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_CHANGE_LOCK_H
#define HOTPATCH_OUTSIDE_CHANGE_LOCK_H

#include <functional>
#include <string>

#include <sys/types.h>

#include "runtime/base/deadline.h"
#include "runtime/base/file_descriptor.h"

namespace hotpatch::outside {

class change_lock {
 public:
  using listener = std::function<void(const std::string&)>;

  // Waits until then for others.  `on_wait`, which may be empty, gets the
  // holder's name when the wait begins.  Throws process_busy with the holder's
  // name, and tool_error if the process cannot be locked.
  change_lock(pid_t process, deadline until, const listener& on_wait);

  pid_t process() const { return process_; }

 private:
  bool take(const file_descriptor& file, deadline until,
            const listener& on_wait, bool only_from_peers);

  const pid_t process_;
  const file_descriptor memory_;
  const file_descriptor identity_;
};

}  // namespace hotpatch::outside

#endif
