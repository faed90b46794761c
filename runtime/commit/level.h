// The levels of a commit: which protocol, and who stands still meanwhile.
//
// Owns the meaning of hp_level (see hotpatch.h).  Used under the library's
// lock, while no image can be unloaded.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_LEVEL_H
#define HOTPATCH_RUNTIME_LEVEL_H

#include <span>

#include "runtime/base/deadline.h"
#include "runtime/commit/commit.h"
#include "runtime/include/hotpatch.h"
#include "runtime/stacks/code_ranges.h"
#include "runtime/text/junction.h"
#include "runtime/text/text_writer.h"

namespace hotpatch {

// How and until when to commit.
struct commit_order {
  hp_level level = HP_IMMEDIATE;
  deadline until = deadline::in_nanoseconds(0);
  // The __builtin_frame_address of the function that the program called.
  const void* frame = nullptr;
  // Out: the calling thread itself is in the way; waiting does not help.
  bool hopeless = false;
  // Out: some core may not have taken notice yet of what was stored.
  bool barrier_missed = false;
  // Out: text that could not be protected again, 0: none.
  std::uint64_t left_open = 0;
};

// Commits all changes, ascending by their words' addresses, or none.  Nobody
// may be inside `vacated` when they happen, if the level looks at that.  HP_OK,
// HP_FOREIGN, HP_DENIED, HP_NO_MEMORY, HP_BUSY, HP_UNSUPPORTED or HP_INTERNAL
// with the words set.
[[nodiscard]] hp_status commit(text_writer& writer, std::span<change> changes,
                               std::span<const code_range> vacated,
                               junctions& junctions,
                               commit_order& order) noexcept;

}  // namespace hotpatch

#endif
