// Committing changes to sites at a level: all of them, or none.
//
// Owns the meaning of hp_level (see hotpatch.h): which protocol
// (commit_batch.h), and which threads stand still for it.  Used under the
// library's lock, while no image can be unloaded.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_COMMIT_H
#define HOTPATCH_RUNTIME_COMMIT_H

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "runtime/base/deadline.h"
#include "runtime/base/status.h"
#include "runtime/include/hotpatch.h"
#include "runtime/sites/site.h"
#include "runtime/stacks/code_ranges.h"
#include "runtime/text/barrier.h"
#include "runtime/text/encode.h"
#include "runtime/text/junction.h"
#include "runtime/text/near_memory.h"
#include "runtime/text/text_writer.h"
#include "runtime/threads/quiescence.h"
#include "runtime/threads/safe_point.h"

namespace hotpatch {

// One site's way from one state to the next.
struct change {
  const site_code* site;
  std::uint64_t address;   // of its word: passes over many changes need
                           // not look at their sites
  std::uint64_t old_word;  // what must be there now
  std::uint64_t new_word;  // equal to old_word if only the cell changes
  std::uint64_t cell = 0;  // one_moment: always; otherwise 0 where the new
                           // state is not the far one
  std::uint64_t cell_target = 0;  // what the cell is to hold: where calls end
  std::uint64_t old_cell_target = 0;  // what it holds; 0: nothing yet

  // For the commit itself.
  bool writes_pad = false;
  bool clears_pad = false;  // of an entry without a site
  far_pad old_pad = {};
};

// How and until when to commit.
struct commit_order {
  hp_level level = HP_IMMEDIATE;
  deadline until = deadline::in_nanoseconds(0);
  call_context call = {};
};

// What the program should know besides the status, in words.  They are kept
// until the library's lock has been given back, because a log handler may call
// the library.  What has no room is cut or left out.
class commit_warnings {
 public:
  struct warning {
    hp_log_level level;
    const char* text;
  };

  // Calls `visit(warning)` for each, in the order of add().
  template <typename Visit>
  void for_each(Visit visit) const
  {
    for (std::size_t i = 0; i < size_; ++i)
      visit(warning{levels_[i], texts_ + begins_[i]});
  }

  // Takes out all, and leaves no old words in memory: what ended calls have
  // left on a stack is searched.
  void clear() noexcept
  {
    size_ = 0;
    used_ = 0;
    std::memset(texts_, 0, sizeof texts_);
  }

  [[gnu::format(printf, 3, 4)]] void add(hp_log_level level, const char* format,
                                         ...) noexcept;

 private:
  static constexpr std::size_t most = 4;

  std::uint16_t size_ = 0;
  std::uint16_t used_ = 0;  // of the texts
  std::uint16_t begins_[most] = {};
  hp_log_level levels_[most] = {};
  char texts_[880];  // one after the other; only what is in use is set
};

// How a commit went.  The words of a failure are in the calling thread's
// message (base/status.h).
struct commit_outcome {
  hp_status status = HP_OK;
  // The level waits for threads, and a later attempt may find them elsewhere.
  bool may_succeed_later = false;
  commit_warnings warnings;

  commit_outcome() noexcept {}
  // Without warnings.
  commit_outcome(hp_status how) noexcept : status(how) {}
};

// The text, the cells, the barriers and the threads that are changed, or
// stopped for it: those of this process.  A model has others of the same names,
// and notes down what is done to them (testsuite/model/real_commit.cc).
// While there is one, others see that this process is in the middle of a change
// (format/changing.h).
class change_note {
 public:
  change_note() noexcept;
  change_note(const change_note&) = delete;
  change_note& operator=(const change_note&) = delete;
  ~change_note();
};

struct this_process {
  using note = change_note;
  using writer = text_writer;
  using window = text_window;
  using cells = cell_window;
  using junction_table = junctions;
  using standing_threads = quiescence;
  using safe_points = safe_point_stop;

  static bool serialise_cores(std::int64_t patience) noexcept
  {
    return hotpatch::serialise_cores(patience);
  }
  static const char* barrier_name() noexcept
  {
    return hotpatch::barrier_name();
  }
  static const char* barrier_reason() noexcept
  {
    return hotpatch::barrier_reason();
  }
};

// Commits all changes, ascending by their words' addresses, or none.  No thread
// may be inside `vacated` when they happen, if the level looks at that.  HP_OK,
// HP_FOREIGN, HP_DENIED, HP_NO_MEMORY, HP_BUSY, HP_UNSUPPORTED or HP_INTERNAL.
// Defined in commit_batch.h.
template <typename System = this_process>
[[nodiscard]] commit_outcome commit(typename System::writer& writer,
                                    std::span<change> changes,
                                    std::span<const code_range> vacated,
                                    typename System::junction_table& junctions,
                                    const commit_order& order) noexcept;

extern template commit_outcome commit<this_process>(
    text_writer& writer, std::span<change> changes,
    std::span<const code_range> vacated, junctions& junctions,
    const commit_order& order) noexcept;

// The word as it is now.  A plain load would be a race to the thread sanitizer,
// and the compiler could assume that text never changes.
[[nodiscard, gnu::no_sanitize("thread", "address")]] inline std::uint64_t
load_word(std::uint64_t address) noexcept
{
  return *reinterpret_cast<const volatile std::uint64_t*>(address);
}

// The same for the pad before its symbol, which must have room for a far jump.
[[nodiscard]] far_pad load_pad(const site_code& site) noexcept;

}  // namespace hotpatch

#endif
