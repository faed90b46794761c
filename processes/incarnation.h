// Which process, and which program run, a process number stands for.
//
// A number is used again by later processes, and a process that executes
// another program is unpatched again.  What shall be true of one process to the
// end is asked of a process_handle, which holds the process itself.  One thread
// at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_PROCESSES_INCARNATION_H
#define HOTPATCH_PROCESSES_INCARNATION_H

#include <cstdint>
#include <optional>

#include <sys/types.h>

#include "processes/errors.h"
#include "runtime/base/file_descriptor.h"

namespace hotpatch {

struct incarnation {
  std::uint64_t start = 0;  // when the process began, in clock ticks
  // Where the first stack begins, which the kernel chooses again for each
  // program; 0 where this process may not see it.
  std::uint64_t stack = 0;

  auto operator<=>(const incarnation&) const = default;
};

// Empty for a process that has ended, and for one that runs no program, such as
// a kernel thread or what belongs to another user.
std::optional<incarnation> incarnation_of(pid_t process);

// The ancestor whose memory a process works in until it executes a program, as
// a child of vfork(2) or posix_spawn(3) does: what is done to one is done to
// both, and the ancestor is the one to be patched.  0: there is none, or the
// system does not tell (kcmp(2)).
pid_t memory_owner(pid_t process);

class no_process : public tool_error {
 public:
  using tool_error::tool_error;
};

// One process, whatever becomes of its number: through a pidfd (Linux 5.3), and
// by the time of its start.
class process_handle {
 public:
  // Throws no_process.
  explicit process_handle(pid_t process);

  pid_t id() const { return process_; }
  const incarnation& run() const { return run_; }

  // False for a process that has ended, also before its parent has noticed.
  bool is_alive() const;

  // It is alive, and executes no other program than when this was made.
  bool runs_the_same() const;

 private:
  pid_t process_;
  file_descriptor descriptor_;
  incarnation run_;
};

// The process that a pidfd stands for, as this process numbers it; 0 if it has
// ended or cannot be told.
pid_t process_of_pidfd(int descriptor);

}  // namespace hotpatch

#endif
