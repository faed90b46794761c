// Which program run a process number stands for at the moment.
//
// A number is used again by later processes, and a process that executes
// another program is unpatched again; either gives another incarnation.  One
// thread at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_PROCESSES_INCARNATION_H
#define HOTPATCH_PROCESSES_INCARNATION_H

#include <cstdint>
#include <optional>

#include <sys/types.h>

namespace hotpatch {

struct incarnation {
  std::uint64_t start = 0;  // when the process began, in clock ticks
  // Where the first stack begins, which the kernel draws anew for each program.
  std::uint64_t stack = 0;

  bool operator==(const incarnation&) const = default;
};

// Empty for a process that has ended, and for one that runs no program, such as
// a kernel thread or what belongs to somebody else.
std::optional<incarnation> incarnation_of(pid_t process);

}  // namespace hotpatch

#endif
