// A moment in which no thread of the process is inside given code, held for as
// long as the caller needs it.
//
// Invariant: after reach() has returned HP_OK, and until release() or the
// destructor, the calling thread is the only one that runs, and no other thread
// will, when it goes on, execute an instruction in one of the ranges without
// jumping to it again.  What the search cannot see is listed in stack_search.h.
//
// In between the caller must not allocate, use stdio, or take a lock that
// another thread may hold: prepare everything before.  Not from a signal
// handler.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_QUIESCENCE_H
#define HOTPATCH_RUNTIME_QUIESCENCE_H

#include <cstdint>
#include <optional>
#include <span>

#include "runtime/base/deadline.h"
#include "runtime/base/status.h"
#include "runtime/include/hotpatch.h"
#include "runtime/stacks/code_ranges.h"
#include "runtime/threads/announced_stacks.h"
#include "runtime/threads/stack_search.h"
#include "runtime/threads/thread_stop.h"

namespace hotpatch {

class quiescence {
 public:
  quiescence() noexcept = default;
  quiescence(const quiescence&) = delete;
  quiescence& operator=(const quiescence&) = delete;
  ~quiescence() { release(); }

  // Tries until the deadline, at least once, and lets the program run most of
  // the time in between.  Without ranges the threads are stopped wherever they
  // are.
  //
  // HP_BUSY: a thread is still inside, named in the message; at once if it is
  // the calling thread, in the function that made `call` or one of its callers.
  // HP_UNSUPPORTED, HP_DENIED, HP_NO_MEMORY: the system does not let us stop or
  // search threads.
  //
  // `ranges` must not lie on the calling thread's stack, where the search would
  // find the addresses in it.
  [[nodiscard]] hp_status reach(std::span<const code_range> ranges,
                                deadline until,
                                const call_context& call) noexcept;

  // The last reach() found the calling thread itself inside: no later one will
  // do better.
  bool caller_was_inside() const noexcept { return caller_inside_; }

  // Lets the other threads go on.
  void release(stopped_threads::on_resume action =
                   stopped_threads::on_resume::nothing) noexcept;

 private:
  // True: none is inside, and all stand still.
  bool attempt(deadline until, hp_status& status) noexcept;
  bool caller_is_inside(const void* frame) noexcept;
  hp_status report(std::span<const code_range> ranges) const noexcept;
  hp_status report_finding(std::span<const code_range> ranges) const noexcept;

  code_ranges ranges_;
  occupation found_;
  bool caller_inside_ = false;
  std::optional<locked_stacks> stacks_;
  stopped_threads others_;
};

}  // namespace hotpatch

#endif
