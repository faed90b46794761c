// All threads of a process, standing still.
//
// Owns the invariant that between construction and release() no thread of the
// process executes an instruction of its program: each is stopped by ptrace,
// and a listing of the process's threads, made when all stood, showed no other.
// Goes on by itself when this process dies.  From the thread that traces.
//
// Processes that share the memory, without being threads of the process, stand
// with it; a process whose memory is its parent's is not stopped alone.
//
// It also owns the promise that one thread which cannot stop does not make the
// others stand for long: an attempt ends after some tens of milliseconds, all
// go on, and the next attempt begins when they have run for nine times as long.
// A thread that waits for a child of vfork(2) is seen before, and no attempt
// made.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_STOPPED_PROCESS_H
#define HOTPATCH_OUTSIDE_STOPPED_PROCESS_H

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "outside/tracee.h"

namespace hotpatch::outside {

// Throws tool_error if the memory of the process is its parent's
// (memory_owner).
void refuse_shared_memory(pid_t process);

class stopped_process {
 public:
  // Throws tool_error, thread_gone if the process ended, not_in_time.
  stopped_process(pid_t process, deadline until);
  stopped_process(const stopped_process&) = delete;
  stopped_process& operator=(const stopped_process&) = delete;
  ~stopped_process();

  const std::vector<tracee>& threads() const { return threads_; }

  // Lets all go; nanoseconds that the process stood.
  std::int64_t release();

 private:
  std::string look_before();
  std::string try_to_stop();
  std::size_t seize_new();

  bool find_newest_sharers();

  pid_t process_;
  std::vector<pid_t> sharers_;  // of the memory; of one attempt
  pid_t newest_ = 0;  // the last number given when that was looked for
  std::map<pid_t, thread_look> looks_;  // of one attempt
  std::vector<tracee> threads_;
  std::int64_t since_ = 0;
};

}  // namespace hotpatch::outside

#endif
