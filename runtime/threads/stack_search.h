// Finds a thread that is inside given code, by its registers and its stacks.
//
// Conservative: every word between a thread's stack pointer and the end of its
// stack counts, whatever it is; so do all general registers, the stack it was
// started on when it runs on another one, and all announced stacks.  In the red
// zone below the stack pointer (x86-64 ABI, 3.2.2) there may be a pointer that
// is about to be jumped to, but no return address except of calls that have
// ended: it counts for memory that must not be jumped to any more, not for
// bodies.  What is not looked at: stacks that nobody announced and no thread
// runs on; contexts kept elsewhere (coroutine frames on the heap, stacks that
// were copied away); vector registers.
//
// Used by one thread at a time.  While the others stand still nothing here
// allocates from the heap or takes a lock.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_STACK_SEARCH_H
#define HOTPATCH_RUNTIME_STACK_SEARCH_H

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/threads/announced_stacks.h"
#include "runtime/threads/code_ranges.h"
#include "runtime/threads/memory_search.h"
#include "runtime/threads/thread_list.h"
#include "runtime/threads/thread_stop.h"

namespace hotpatch {

enum class occupied_by : std::uint8_t {
  nobody,
  instruction_pointer,  // a thread is executing it
  other_register,
  stack,            // a thread will return to it, or just remembers it
  announced_stack,  // the same, on a stack that no thread runs on
  unknown_stack,    // a thread's stack could not be searched
  unread_map,       // /proc/self/maps could not be read
};

struct occupation {
  occupied_by how = occupied_by::nobody;
  pid_t thread = 0;  // 0: no thread's
  thread_name name = "";
  std::uint64_t address = 0;  // of the code, or of the stack not searched
  std::size_t range = code_ranges::none;
  int error = 0;
};

class stack_search {
 public:
  explicit stack_search(const code_ranges& ranges,
                        locked_stacks& announced) noexcept
      : ranges_(ranges), announced_(announced)
  {
  }

  // The calling thread, in `frame` (a __builtin_frame_address) and its callers.
  // True: it is inside, or it cannot be told; `found` says how.
  bool find_caller(const void* frame, occupation& found) noexcept;

  // Every stopped thread, and the announced stacks that nobody runs on.  The
  // stack of the calling thread is left to find_caller().
  bool find_others(const stopped_threads& others, occupation& found) noexcept;

 private:
  struct thread_image;

  bool search_threads(const stopped_threads& others) noexcept;
  bool search_thread(const thread_image& thread) noexcept;
  static bool is_first(const thread_image& thread) noexcept;
  bool search_first_stack(const thread_image& thread) noexcept;
  bool search_interrupted(const thread_image& thread, std::uint64_t from,
                          std::uint64_t end) noexcept;
  bool search_idle_stacks() noexcept;
  bool search(std::uint64_t from, std::uint64_t to, bool idle) noexcept;
  bool map_failed() noexcept;
  bool report(occupied_by how, std::uint64_t address, std::size_t range,
              int error = 0) noexcept;

  const code_ranges& ranges_;
  locked_stacks& announced_;
  occupation* found_ = nullptr;
  pid_t searching_ = 0;
  occupied_by searching_in_ = occupied_by::stack;
};

}  // namespace hotpatch

#endif
