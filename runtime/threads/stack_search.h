// Finds a thread of this process that is inside given code, by its registers
// and its stacks.
//
// What is searched, and why, is in stacks/frame_search.h; here are the threads,
// and the stacks that the program has announced.  An announced stack that no
// thread is on is searched as a whole.
//
// Used by one thread at a time.  While the others stand still nothing here
// allocates from the heap or takes a lock.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_STACK_SEARCH_H
#define HOTPATCH_RUNTIME_STACK_SEARCH_H

#include <cstddef>
#include <cstdint>

#include "runtime/stacks/code_ranges.h"
#include "runtime/stacks/frame_search.h"
#include "runtime/threads/announced_stacks.h"
#include "runtime/threads/thread_list.h"
#include "runtime/threads/thread_stop.h"

namespace hotpatch {

enum class occupied_by : std::uint8_t {
  none,
  frame,            // occupation::finding
  announced_stack,  // on a stack that no thread runs on
  unread_map,       // the kernel did not tell what is mapped
};

struct occupation {
  occupied_by how = occupied_by::none;
  frame_finding finding{};
  pid_t thread = 0;  // 0: no thread's
  thread_name name = "";
  int error = 0;
};

// Before the threads are stopped; takes the loader's lock on its list of
// images.
void prepare_stack_search() noexcept;

// What code_ranges reads, also before a search.
const stack_memory& searched_memory() noexcept;

class stack_search {
 public:
  stack_search(const code_ranges& ranges, locked_stacks& announced) noexcept
      : ranges_(ranges), announced_(announced)
  {
  }

  // The calling thread, in `frame` (a __builtin_frame_address) and its callers.
  // True: it is inside, or it cannot be told; `found` says how.
  bool find_caller(const void* frame, occupation& found) noexcept;

  // Every stopped thread, and the announced stacks that no thread runs on.  The
  // stack of the calling thread is left to find_caller().
  bool find_others(const stopped_threads& others, occupation& found) noexcept;

 private:
  bool search_threads(const stopped_threads& others) noexcept;
  bool search_idle_stacks() noexcept;
  bool report(occupied_by how, pid_t thread, int error = 0) noexcept;

  const code_ranges& ranges_;
  locked_stacks& announced_;
  occupation* found_ = nullptr;
};

}  // namespace hotpatch

#endif
