// The commit protocols: in which order the bytes of sites change.
//
// Owns the invariant that at every moment every thread that calls one of the
// functions runs either what was active before or what is active after, and
// that after a failure every word and every cell is as it was.
//
//   words       one aligned store for each site:
//     1. the pads, which are dead: no word leads there yet
//     2. barrier, if there are any: every core knows the pads
//     3. for each site the cell, then the word in one store of eight bytes
//     4. barrier: every core knows the words, so calls that begin after the
//        commit enter the new functions
//   one_moment  the same, and all threads and all sites change at one moment:
//     1. the pads, and a barrier, as above
//     2. the cells: they lead where the sites lead now, through junctions
//        (junction.h) if there are several
//     3. the words: all lead through the pads; barrier.  Nothing has changed
//        for callers yet
//     4. one store: to the number that all junctions look at, or to the only
//        cell.  This is the moment
//     5. the cells, the new words; barrier.  A core that still fetches the
//        words of step 3 comes to the new functions through the cells
//   standing    for when no other thread runs and none will go on without a
//               serialising instruction: pads, cells, words, in any order
//
// No protocol uses breakpoints: a trap kills a thread that blocks SIGTRAP, and
// a thread may do that at any time.
//
// A cell waits until nothing can fail any more: a thread may have stood in the
// pad since a far jump was active the last time, and goes where the cell says.
// Where the far form stays active, the cell alone changes.
//
// The pad of a site always holds the same bytes once a word has led there,
// because a site keeps its cell: it is never written while it is in use.
//
// Used under the library's lock, while no image can be unloaded.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_COMMIT_BATCH_H
#define HOTPATCH_RUNTIME_COMMIT_BATCH_H

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/base/array.h"
#include "runtime/commit/commit.h"
#include "runtime/include/hotpatch.h"
#include "runtime/sites/site.h"
#include "runtime/text/junction.h"
#include "runtime/text/near_memory.h"
#include "runtime/text/text_writer.h"

namespace hotpatch {

enum class protocol { words, one_moment, standing };

// Changes that are committed together, at least one, ascending by their words'
// addresses.
class commit_batch {
 public:
  commit_batch(writer_kind kind, protocol how, std::span<change> changes,
               junctions& junctions) noexcept
      : kind_(kind),
        how_(how),
        changes_(changes),
        junctions_(junctions),
        on_few_pages_(changes.back().address - changes.front().address <
                      text_window::few),
        text_(kind)
  {
  }

  // Checks every byte, and does all that needs memory.  Changes nothing.
  [[nodiscard]] hp_status prepare() noexcept;

  // Opens the windows, changes all sites or none, closes them.  Allocates
  // nothing, and takes no lock.  explain() says how it went.
  void store() noexcept;

  // The status of store(), with the words set.
  [[nodiscard]] hp_status explain() const noexcept;

  // The writer may not open the window, but another one perhaps may.
  [[nodiscard]] bool forbidden() const noexcept;
  [[nodiscard]] int error() const noexcept { return result_.error; }

  // What store() has left behind: text that stays writable, a core that may
  // not have taken notice yet.
  void add_warnings(commit_warnings& warnings) const noexcept;

 private:
  enum class outcome {
    done,
    window_refused,  // error says why
    cell_refused,
    junction_refused,
    word_foreign,  // found says what is there
    pad_foreign,
    write_failed,      // everything was put back
    unreached_before,  // a thread cannot be made to serialise
    unreached,         // the same in the middle; put back
    overwritten,       // somebody else stored right behind us
    stuck,             // a write failed, and so did putting things back
  };

  struct report {
    outcome what = outcome::done;
    const change* where = nullptr;
    int error = 0;
    std::uint64_t stored = 0;
    std::uint64_t found = 0;
  };

  // one_moment: where a site's calls go until the moment.
  struct route {
    std::uint64_t before;  // the function
    junction through;      // null address: directly, there is one site only
  };

  bool failed(outcome what, const change& where) noexcept;
  bool check_word(const change& each) noexcept;
  bool check_words() noexcept;
  bool check_pad(change& each) noexcept;
  bool add_window(const change& each) noexcept;
  bool write_pads() noexcept;
  void restore_pads() noexcept;
  void barrier() noexcept;
  void take_back() noexcept;
  bool store_words() noexcept;
  bool overwritten(const change& where, std::uint64_t stored,
                   std::uint64_t found) noexcept;
  bool verify() noexcept;
  bool verify_routes() noexcept;
  bool is_ours(const change& each, std::uint64_t word) const noexcept;
  void restore_words() noexcept;
  bool make_routes() noexcept;
  void store_at_one_moment() noexcept;
  void lead_through_pads() noexcept;
  void make_due(std::uint64_t number) noexcept;
  bool reach_moment() noexcept;

  const writer_kind kind_;
  const protocol how_;
  const std::span<change> changes_;
  junctions& junctions_;
  const bool on_few_pages_;
  text_window text_;
  cell_window cells_;
  array<route> routes_;  // one_moment: of the changes, in their order
  bool any_pad_ = false;
  bool barrier_missed_ = false;
  report result_;
};

// Such failures in words, before there is a batch.
[[nodiscard]] hp_status writing_refused(const site_code& site, const char* rule,
                                        int error) noexcept;

}  // namespace hotpatch

#endif
