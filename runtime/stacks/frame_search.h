// Where a thread that stands may have frames of given code.
//
// Conservative: every word that may belong to a frame counts, whatever it is.
// So do the general registers, and the red zone below the stack pointer (x86-64
// ABI, 3.2.2), where there may be a pointer that is about to be jumped to, but
// no return address except of calls that have ended: it counts for memory that
// must not be jumped to any more, not for bodies.
//
// Which memory is searched.  Frames lie above the stack pointer of the function
// that they belong to.  Below it lies what calls that have ended left, so a
// search that always looked there would find a function that a thread calls
// again and again, and never be done.  But a thread may also have left frames
// below its stack pointer: if it has switched to a fiber whose stack is a local
// array of one of its functions, the frames of the callees of that function,
// which made the switch, lie below the array.  So
//
//   - where the frames from the stack pointer upward are known to be all that
//     the thread has on that stack, memory is searched upward only: the
//     unwinding tables lead to a last frame, and above that frame no word is a
//     return address.  An older frame that holds the array would have one
//     there;
//   - everywhere else all readable memory around the stack pointer is searched,
//     in both directions, and so is that around each stack pointer that a
//     signal frame in it keeps.  Below the stack pointer a return address is
//     passed over if an ended call has left it: then the frames above it lead
//     into those that the thread is in.  The frames that made the switch to a
//     fiber lead past all of the fiber's.
//
// A thread that is not on the stack that it was started on has that one
// searched as a whole, for where it was left is not known.
//
// What is not looked at: stacks that no thread is on and that were not
// announced; contexts kept elsewhere (coroutine frames on the heap, stacks that
// were copied away); vector registers.
//
// Pure: reads through a stack_memory; allocates nothing and takes no lock.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_FRAME_SEARCH_H
#define HOTPATCH_RUNTIME_FRAME_SEARCH_H

#include <cstdint>
#include <span>

#include "runtime/stacks/code_ranges.h"
#include "runtime/stacks/frame_walk.h"
#include "runtime/stacks/stack_memory.h"

namespace hotpatch {

enum class frame_place : std::uint8_t {
  instruction_pointer,  // the thread is executing it
  other_register,
  stack,        // it will return to it, or just remembers it
  below_stack,  // the same, below its stack pointer
  first_stack,  // the same, on the stack that it was started on and has left
  unreadable,   // its stack cannot be read
  too_large,    // its stack lies amid more memory than can be searched
};

struct frame_finding {
  frame_place how;
  std::uint64_t address;  // of the code, or of the stack not searched
  std::size_t range = code_ranges::none;
  std::uint64_t size = 0;  // of the memory that is too large
};

struct searched_thread {
  // All that are known; the stack pointer always is.
  frame_registers registers;
  // Whether the registers count.  Not those of a thread that waits in a call of
  // the library: what it will return to is on its stack.
  bool running = true;
  // Where its frames begin; 0: at the stack pointer.
  std::uint64_t frames_begin = 0;
  std::uint64_t thread_pointer = 0;
  // It may be the thread that the process began with, whose stack is the
  // kernel's; every other one has its control block, which the thread pointer
  // leads to, at the upper end of its stack.
  bool first = false;
  // Frames that do not count: the library's own, below the stack pointer.
  std::uint64_t own_begin = 0;
  std::uint64_t own_end = 0;
};

class frame_search {
 public:
  frame_search(const code_ranges& code, std::span<const unwind_table> tables,
               const stack_memory& memory) noexcept
      : code_(code), tables_(tables), memory_(memory)
  {
  }

  // True: there may be a frame, or it cannot be told; `finding` says how.
  bool find(const searched_thread& thread, frame_finding& finding) noexcept;

  // The same for all that can be read in [begin, end).
  bool find_in(std::uint64_t begin, std::uint64_t end,
               frame_finding& finding) noexcept;

 private:
  struct stretch {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    bool contains(std::uint64_t address) const noexcept
    {
      return address - begin < end - begin;
    }
  };
  static constexpr std::size_t most_stretches = 16;

  bool search_registers() noexcept;
  bool search_red_zone(std::uint64_t pointer) noexcept;
  bool search_known(const walked_frames& frames, const stretch& last,
                    bool& first_too) noexcept;
  bool are_all(const walked_frames& frames, stretch& last) const noexcept;
  bool search_around(const walked_frames& frames, bool& first_too) noexcept;
  bool search_first_stack() noexcept;
  bool is_first_stack(const stretch& stack, std::uint64_t pointer,
                      const walked_frames& frames) const noexcept;
  bool find_stretch(std::uint64_t pointer, stretch& found) const noexcept;
  void end_at_control_block(stretch& stack,
                            std::uint64_t pointer) const noexcept;
  bool find_frames(const walked_frames::part& frames,
                   stretch& found) const noexcept;
  std::uint64_t top_of(const stretch& stack,
                       const walked_frames::part& frames) const noexcept;
  bool has_return_address(std::uint64_t from, std::uint64_t to) const noexcept;
  void follow(std::uint64_t pointer) noexcept;

  enum class scope : std::uint8_t {
    frames,      // all of it is in use
    around,      // some of it may be; signal frames in it lead on
    everything,  // wherever it can be read
  };
  bool search_up(std::uint64_t from, std::uint64_t to, scope how) noexcept;
  bool search_down(std::uint64_t from, std::uint64_t to) noexcept;
  bool is_left_over(std::uint64_t place, std::uint64_t word) const noexcept;
  bool search_words(const memory_words& words, std::uint64_t at,
                    code_ranges::role how, bool signals) noexcept;
  bool report(frame_place how, std::uint64_t address, std::size_t range,
              std::uint64_t size = 0) noexcept;

  const code_ranges& code_;
  const std::span<const unwind_table> tables_;
  const stack_memory& memory_;

  const searched_thread* thread_ = nullptr;
  frame_finding* finding_ = nullptr;
  frame_place place_ = frame_place::stack;
  // The frames that the thread is in; empty: they are not known.
  stretch current_;
  std::uint64_t pointers_[most_stretches] = {};  // of stacks still to search
  std::size_t pointer_count_ = 0;
  stretch searched_[most_stretches] = {};
  std::size_t searched_count_ = 0;
};

}  // namespace hotpatch

#endif
