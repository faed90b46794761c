// Threads that the kernel makes in a process for its own work: io_uring's,
// which wait for files, and vhost's, which serve virtual machines.  They are
// listed like all threads, but run no code of the program and take no signal.
//
// Pure.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_KERNEL_WORKER_H
#define HOTPATCH_RUNTIME_KERNEL_WORKER_H

#include <cstring>

#include "runtime/base/number.h"

namespace hotpatch {

// By the text of the file "stat" in the thread's directory in /proc (proc(5)).
// A program can give a thread such a name; what it cannot forge are the flags
// in the ninth field: PF_IO_WORKER and, since Linux 6.4, PF_USER_WORKER
// (include/linux/sched.h).
inline bool is_kernel_worker(const char* stat) noexcept
{
  const char* at = std::strrchr(stat, ')');  // the name may contain anything
  for (int field = 2; at != nullptr && field < 9; ++field)
    at = std::strchr(at + 1, ' ');
  if (at == nullptr)
    return false;
  unsigned long flags = 0;
  if (!take_number(++at, stat + std::strlen(stat), flags))
    return false;
  constexpr unsigned long io_worker = 0x10;
  constexpr unsigned long user_worker = 0x4000;
  return ((flags & (io_worker | user_worker)) != 0 &&
          std::strstr(stat, "(iou-") != nullptr) ||
         ((flags & user_worker) != 0 &&
          std::strstr(stat, "(vhost-") != nullptr);
}

}  // namespace hotpatch

#endif
