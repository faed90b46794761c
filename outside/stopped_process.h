// All threads of a process, standing still.
//
// Owns the invariant that between construction and release() no thread of the
// process executes an instruction of its program: each is stopped by ptrace,
// and a listing of the process's threads, made when all stood, showed no other.
// Goes on by itself when this process dies.  From the thread that traces, while
// a `ticking` lives.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_STOPPED_PROCESS_H
#define HOTPATCH_OUTSIDE_STOPPED_PROCESS_H

#include <vector>

#include "outside/tracee.h"

namespace hotpatch::outside {

class stopped_process {
 public:
  // Throws trouble, thread_gone if the process ended, not_in_time.
  stopped_process(pid_t process, deadline until);
  stopped_process(const stopped_process&) = delete;
  stopped_process& operator=(const stopped_process&) = delete;

  const std::vector<tracee>& threads() const { return threads_; }

  // Lets all go; nanoseconds that the process stood.
  std::int64_t release();

 private:
  std::size_t seize_new();

  pid_t process_;
  std::vector<tracee> threads_;
  std::int64_t since_ = 0;
};

}  // namespace hotpatch::outside

#endif
