// Changing words with single-byte commits: breakpoints hold threads off while
// the other bytes change.
//
//   1. int3 over the first byte of every word     barrier
//   2. bytes two to eight of every word           barrier
//   3. threads that meet an int3 go on in the new functions, no longer in the
//      old ones: one store, one moment for all threads and all sites
//   4. the cells, the new first bytes             barrier
//
// Intel's rule for cross-modifying code (SDM volume 3), in the order that the
// kernel uses for its own text.  A call that begins after any thread has
// entered a new function enters new functions: between the first and the third
// barrier every call meets an int3, and asks.
//
// Used under the library's lock.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_BREAKPOINT_H
#define HOTPATCH_RUNTIME_BREAKPOINT_H

#include <cstddef>
#include <span>

#include "runtime/text/text_writer.h"

namespace hotpatch {

struct change;

// Checks and prepares what the protocol needs before anything is written.
// Null: it may be used; otherwise the rule that forbids it, valid until the
// next call.
[[nodiscard]] const char* prepare_breakpoints(
    std::span<const change> changes) noexcept;

struct breakpoint_result {
  const change* failed = nullptr;  // null: all are done
  int error = 0;
  bool barrier_missed = false;  // a thread could not be reached
  bool signal_taken = false;    // for a moment SIGTRAP had another handler
  bool put_back = true;         // the words are as they were
  // For how many sites, from the first, threads may have gone where the new
  // word leads.
  std::size_t heads_written = 0;
};

// Needs prepare_breakpoints() for these changes.  Stores to the cells before
// the first bytes lead there.  Allocates nothing.
[[nodiscard]] breakpoint_result store_by_breakpoints(
    text_window& text, std::span<const change> changes) noexcept;

}  // namespace hotpatch

#endif
