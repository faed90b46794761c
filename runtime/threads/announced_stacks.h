// Stacks that the kernel and the C library know nothing of: fibers, coroutines
// and the like, announced by the program with hp_stack_announce().
//
// A stack that no thread is running on is searched as a whole.  Any thread may
// announce; who searches holds the list locked from before the stop until
// after it, so that no stopped thread can hold it.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_ANNOUNCED_STACKS_H
#define HOTPATCH_RUNTIME_ANNOUNCED_STACKS_H

#include <cstdint>
#include <span>

namespace hotpatch {

struct announced_stack {
  std::uint64_t base;  // the lowest address
  std::uint64_t end;
  bool running;  // a thread that stands still is on it: set by the search
};

// The list, locked for as long as this object lives.
class locked_stacks {
 public:
  locked_stacks() noexcept;
  locked_stacks(const locked_stacks&) = delete;
  locked_stacks& operator=(const locked_stacks&) = delete;
  ~locked_stacks();

  std::span<announced_stack> all() noexcept;  // by ascending address

  // Null: the address is on none of them.
  announced_stack* find(std::uint64_t address) noexcept;
};

}  // namespace hotpatch

#endif
