// The commit protocols: in which order the bytes of a site change.
//
// Owns the invariant that at every moment every thread that calls the function
// runs either what was active before the change or what is active after it:
//
//   1. the pad, which is dead: no word leads there yet
//   2. barrier: every core knows the pad
//   3. the cell
//   4. the word, in one aligned store of eight bytes
//   5. barrier: every core knows the word, so calls that begin after the
//      commit enter the new function
//
// The cell waits until nothing can fail any more: a thread may have stood in
// the pad since a far jump was active the last time, and goes where the cell
// says.  Where the far form stays active, the cell alone changes.
//
// The pad of a site always holds the same bytes once it was written, because a
// site keeps its cell: it is never written while it is in use.
//
// Used under the library's lock, while the image cannot be unloaded.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_COMMIT_H
#define HOTPATCH_RUNTIME_COMMIT_H

#include <cstdint>

#include "runtime/include/hotpatch.h"
#include "runtime/site.h"
#include "runtime/text_writer.h"

namespace hotpatch {

// One site's way from one state to the next.
struct change {
  const hotpatch::site& site;
  std::uint64_t old_word;         // what must be there now
  std::uint64_t new_word;         // equal to old_word if only the cell changes
  std::uint64_t cell = 0;         // 0: the new state is not the far one
  std::uint64_t cell_target = 0;  // what the cell is to hold
};

// The word as it is now.
[[nodiscard]] std::uint64_t load_word(std::uint64_t address) noexcept;

// All of it, or nothing and HP_FOREIGN, HP_DENIED, HP_NO_MEMORY or HP_INTERNAL
// with the words set.
[[nodiscard]] hp_status commit(text_writer& writer,
                               const change& change) noexcept;

}  // namespace hotpatch

#endif
