// Changing a word with single-byte commits: a breakpoint holds threads off
// while the other bytes change.
//
//   1. int3 over the first byte     barrier
//   2. bytes two to eight           barrier
//   3. the new first byte           barrier
//
// Intel's rule for cross-modifying code (SDM volume 3), in the order that the
// kernel uses for its own text.  A thread that meets the int3 gets SIGTRAP, and
// the handler here lets it go on as if the old word were still there.
//
// Owns the process's SIGTRAP handler from the first permit on, and hands every
// trap that is not its own to the handler that was there before.  Used under
// the library's lock; the handler itself takes no lock.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_BREAKPOINT_H
#define HOTPATCH_RUNTIME_BREAKPOINT_H

#include <cstdint>

#include "runtime/text_writer.h"

namespace hotpatch {

class cell_window;
struct change;

// Checks and prepares what the protocol needs before anything is written.
class breakpoint_permit {
 public:
  explicit breakpoint_permit(std::uint64_t word) noexcept;

  // Null: the protocol may be used; otherwise the rule that forbids it.
  const char* refusal() const noexcept { return refusal_; }

 private:
  const char* refusal_;
};

// Needs a permit for the word; stores to the cell before the first byte leads
// there.  False: a write failed; the word is as it was.
[[nodiscard]] bool store_word_by_breakpoint(text_window& text,
                                            cell_window& cell,
                                            const change& change) noexcept;

}  // namespace hotpatch

#endif
