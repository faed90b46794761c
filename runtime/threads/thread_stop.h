// Makes all other threads of the process stand still, and lets them go on.
//
// Invariant: between a successful stop() and resume() (or the destructor) no
// thread of the process executes an instruction except the caller, no thread
// begins, and none ends; each stands in the handler of the stop signal with its
// registers saved.  Only one thread at a time can hold the others; a second one
// waits, and is stopped by the first.
//
// Between the two calls the caller must take no lock that a stopped thread may
// hold: no allocation, no stdio, nothing of the dynamic loader.  Its own
// signals are blocked until then.  Not from a signal handler.
//
// What cannot be stopped: a thread that blocks the stop signal; one in a system
// call that the kernel does not interrupt, such as the parent of a vfork()
// until the child has called exec; one held by a debugger.  After the deadline
// they are HP_BUSY, by name.  Processes that share the memory without being
// threads (vfork children, clone without CLONE_THREAD) are not seen.
//
// Interrupted system calls go on by themselves (SA_RESTART), except those that
// signal(7) lists as never restarted: they return EINTR.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_THREAD_STOP_H
#define HOTPATCH_RUNTIME_THREAD_STOP_H

#include <cstddef>
#include <cstdint>
#include <ucontext.h>

#include "runtime/base/deadline.h"
#include "runtime/base/file_descriptor.h"
#include "runtime/base/futex.h"
#include "runtime/include/hotpatch.h"

namespace hotpatch {

// A thread in the handler.  Lives on that thread's own stack, so that stopping
// needs no memory.
struct stopped_thread {
  stopped_thread* next;
  pid_t thread;
  const ucontext_t* context;      // its registers when the signal came
  std::uintptr_t thread_pointer;  // %fs base: lies in the thread's own stack
  futex_word released;
};

class stopped_threads {
 public:
  enum class on_resume : std::uint32_t {
    nothing = 1,
    serialise = 2,  // each thread executes a serialising instruction first
  };

  stopped_threads() noexcept = default;
  stopped_threads(const stopped_threads&) = delete;
  stopped_threads& operator=(const stopped_threads&) = delete;
  ~stopped_threads() { resume(); }

  // Stops them all, or none.  HP_BUSY: one could not be stopped in time;
  // HP_DENIED, HP_UNSUPPORTED: the system does not let us; HP_NO_MEMORY.
  [[nodiscard]] hp_status stop(deadline until) noexcept;

  // Nothing happens when they are not stopped.
  void resume(on_resume action = on_resume::nothing) noexcept;

  // The newest; the others by `next`.  Null when the caller is alone.
  const stopped_thread* first() const noexcept { return first_; }
  std::size_t count() const noexcept { return count_; }

 private:
  bool holding_ = false;
  std::uint64_t mask_ = 0;  // the caller's own signal mask
  const stopped_thread* first_ = nullptr;
  std::size_t count_ = 0;
};

// Has every other thread execute a serialising instruction before it executes
// another one of the program: what membarrier(SYNC_CORE) does, by signals.
// Errors: stop()'s.
[[nodiscard]] hp_status serialise_threads(deadline until) noexcept;

// tell_stop_signal() (stop_signal.h) with the lock that it needs.  Afterwards
// nothing is sent through a socket that was given before.
void watch_stop_signal(const noted_descriptor* socket) noexcept;

}  // namespace hotpatch

#endif
