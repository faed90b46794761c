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
// Text, cells, junctions, barriers and threads are a parameter, `System`: those
// of this process, or a model's (commit.h).
//
// Used under the library's lock, while no image can be unloaded.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_COMMIT_BATCH_H
#define HOTPATCH_RUNTIME_COMMIT_BATCH_H

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "format/patch_word.h"
#include "runtime/base/array.h"
#include "runtime/base/core_serialise.h"
#include "runtime/base/countermeasure.h"
#include "runtime/base/status.h"
#include "runtime/commit/commit.h"
#include "runtime/include/hotpatch.h"
#include "runtime/sites/site.h"
#include "runtime/text/barrier.h"
#include "runtime/text/encode.h"
#include "runtime/text/junction.h"
#include "runtime/threads/thread_stop.h"

namespace hotpatch {

enum class protocol { words, one_moment, standing };

// --- In words
// -----------------------------------------------------------------

// By which means text was changed, and why not by better ones.
struct commit_means {
  const char* writer;
  const char* writer_reason;
  const char* barrier;
  const char* barrier_reason;
};

// Told by the first change, and whenever something else is used.
void add_means(commit_warnings& warnings, const commit_means& used) noexcept;

[[nodiscard]] hp_status writing_refused(const site_code& site, const char* rule,
                                        int error) noexcept;
[[nodiscard]] hp_status foreign_word(const change& change,
                                     std::uint64_t found) noexcept;
[[nodiscard]] hp_status overwritten_word(const site_code& site,
                                         std::uint64_t found,
                                         std::uint64_t stored) noexcept;

// --- The changes
// --------------------------------------------------------------

inline bool changes_text(const change& change) noexcept
{
  return change.old_word != change.new_word;
}

inline bool changes_text(std::span<const change> changes) noexcept
{
  return std::any_of(changes.begin(), changes.end(),
                     [](const change& each) { return changes_text(each); });
}

// The function that calls of a site enter which holds `word`.
inline std::uint64_t destination(const change& change)
{
  return call_target(*change.site, decode_word(*change.site, change.old_word),
                     change.old_cell_target);
}

// Changes that are committed together, at least one, ascending by their words'
// addresses.
template <typename System>
class commit_batch {
 public:
  commit_batch(writer_kind kind, protocol how, std::span<change> changes,
               typename System::junction_table& junctions) noexcept
      : kind_(kind),
        how_(how),
        changes_(changes),
        junctions_(junctions),
        on_few_pages_(changes.back().address - changes.front().address <
                      System::window::few),
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

  // What store() could not undo: code that stays writable, a core that may
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
    overwritten,       // another tool stored right after us
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
  bool check_tail(change& each) noexcept;
  bool clear_tails() noexcept;
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
  typename System::junction_table& junctions_;
  const bool on_few_pages_;
  typename System::window text_;
  typename System::cells cells_;
  array<route> routes_;  // one_moment: of the changes, in their order
  bool any_pad_ = false;
  bool barrier_missed_ = false;
  report result_;
};

template <typename System>
bool commit_batch<System>::failed(outcome what, const change& where) noexcept
{
  result_.what = what;
  result_.where = &where;
  return false;
}

template <typename System>
bool commit_batch<System>::check_word(const change& each) noexcept
{
  const std::uint64_t found = load_word(each.address);
  if (found == each.old_word)
    return true;
  result_.found = found;
  return failed(outcome::word_foreign, each);
}

template <typename System>
bool commit_batch<System>::check_words() noexcept
{
  for (const change& each : changes_)
    if (!check_word(each))
      return false;
  return true;
}

// The bytes beside the word of an entry without a site go back to what they
// were once its word has, while no thread runs.
template <typename System>
bool commit_batch<System>::check_tail(change& each) noexcept
{
  const entry_code* const entry = each.site->entry;
  each.clears_pad = entry != nullptr && entry->tail_size != 0 &&
                    each.new_word == entry->pristine &&
                    how_ == protocol::standing &&
                    plan_tail(*entry, load_pad(*each.site)) == pad_step::none;
  return each.clears_pad;
}

template <typename System>
bool commit_batch<System>::clear_tails() noexcept
{
  for (const change& each : changes_) {
    if (!each.clears_pad)
      continue;
    const entry_code& entry = *each.site->entry;
    if (text_.store_bytes(entry.tail, entry.tail_pristine, entry.tail_size))
      continue;
    result_.error = errno;
    for (const change& other : changes_)
      if (other.clears_pad)
        text_.store_bytes(other.site->entry->tail, other.site->entry->tail_jump,
                          other.site->entry->tail_size);
    return failed(outcome::write_failed, each);
  }
  return true;
}

template <typename System>
bool commit_batch<System>::check_pad(change& each) noexcept
{
  if (check_tail(each))
    return true;
  if (each.cell == 0 || !changes_text(each))
    return true;
  each.old_pad = load_pad(*each.site);
  const pad_step step = plan_pad(*each.site, each.old_pad, each.cell);
  each.writes_pad = step != pad_step::none;
  if (each.writes_pad)
    any_pad_ = true;
  return step != pad_step::foreign || failed(outcome::pad_foreign, each);
}

template <typename System>
bool commit_batch<System>::add_window(const change& each) noexcept
{
  if (!changes_text(each) && !each.clears_pad)
    return true;
  std::uint64_t begin = each.address;
  std::uint64_t end = each.address + format::word_size;
  if (each.writes_pad || each.clears_pad) {
    begin = std::min(begin, far_pad_address(*each.site));
    end = std::max(end, far_pad_address(*each.site) + pad_bytes(*each.site));
  }
  if (on_few_pages_ ? text_.add_of_few(begin, end) : text_.add(begin, end))
    return true;
  result_.error = text_.error() != 0 ? text_.error() : ENOMEM;
  return failed(outcome::window_refused, each);
}

template <typename System>
hp_status commit_batch<System>::prepare() noexcept
{
  // One pass: with many sites each pass waits for the text to come from memory.
  for (change& each : changes_) {
    if (!check_word(each))
      return explain();
    // Nearly every one of many: near, and on a page with the one before.
    if (each.cell == 0 && each.site->entry == nullptr &&
        text_.covers_word(each.address))
      continue;
    if (!check_pad(each) || !add_window(each))
      return explain();
    if (each.cell != 0 && !cells_.add(each.cell))
      return fail(HP_NO_MEMORY, "%s: no memory to change %zu sites",
                  each.site->name, changes_.size());
  }
  if (how_ == protocol::one_moment && !make_routes())
    return explain();
  return HP_OK;
}

// Also finds out whether every thread can be reached, because in the middle of
// the protocol that is too late.
template <typename System>
bool commit_batch<System>::make_routes() noexcept
{
  if (changes_text(changes_) && !System::serialise_cores(barrier_patience))
    return failed(outcome::unreached_before, changes_[0]);
  if (!routes_.reserve(changes_.size())) {
    result_.error = ENOMEM;
    return failed(outcome::junction_refused, changes_[0]);
  }
  bool good = true;
  junctions_.expect(changes_.size());
  for (const change& each : changes_) {
    route& made = routes_.append_in_place();
    made.before = destination(each);
    if (changes_.size() == 1)
      break;
    made.through = junctions_.take(each.address, made.before, each.cell_target);
    if (made.through.address == 0) {
      result_.error = errno;
      good = failed(outcome::junction_refused, each);
      break;
    }
  }
  junctions_.seal();
  return good;
}

// Dead bytes still: no core has seen a word that leads there.
template <typename System>
void commit_batch<System>::restore_pads() noexcept
{
  for (const change& each : changes_)
    if (each.writes_pad)
      text_.store_bytes(far_pad_address(*each.site), each.old_pad.bytes,
                        pad_bytes(*each.site));
}

template <typename System>
bool commit_batch<System>::write_pads() noexcept
{
  if (!any_pad_)
    return true;
  for (const change& each : changes_) {
    if (!each.writes_pad)
      continue;
    const far_pad pad = encode_pad(*each.site, each.cell);
    if (text_.store_bytes(far_pad_address(*each.site), pad.bytes,
                          pad_bytes(*each.site)))
      continue;
    result_.error = errno;
    failed(outcome::write_failed, each);
    restore_pads();
    return false;
  }
  return true;
}

// Of use with a writer whose stores cannot fail, or when no thread runs.
template <typename System>
bool commit_batch<System>::store_words() noexcept
{
  for (const change& each : changes_) {
    if (each.cell != 0)
      System::cells::store(each.cell, each.cell_target);
    if (changes_text(each) && !text_.store_word(each.address, each.new_word)) {
      result_.error = errno;
      return failed(outcome::write_failed, each);
    }
  }
  return true;
}

template <typename System>
bool commit_batch<System>::overwritten(const change& where,
                                       std::uint64_t stored,
                                       std::uint64_t found) noexcept
{
  result_.stored = stored;
  result_.found = found;
  return failed(outcome::overwritten, where);
}

template <typename System>
bool commit_batch<System>::verify() noexcept
{
  if (!HP_COUNTERMEASURE(read_back))
    return true;
  for (const change& each : changes_) {
    const std::uint64_t found = load_word(each.address);
    if (found != each.new_word)
      return overwritten(each, each.new_word, found);
  }
  return true;
}

// The same while all words lead through the pads.
template <typename System>
bool commit_batch<System>::verify_routes() noexcept
{
  for (const change& each : changes_) {
    const std::uint64_t through_pad = encode_far(*each.site);
    const std::uint64_t found = load_word(each.address);
    if (found != through_pad)
      return overwritten(each, through_pad, found);
  }
  return true;
}

// A word that this commit has stored.
template <typename System>
bool commit_batch<System>::is_ours(const change& each,
                                   std::uint64_t word) const noexcept
{
  return word == each.new_word ||
         (how_ == protocol::one_moment && word == encode_far(*each.site));
}

// Puts back what is ours; another tool's bytes stay.  Where other threads run
// the pads stay too: a thread may be in one.
template <typename System>
void commit_batch<System>::restore_words() noexcept
{
  // Otherwise a word that is not new has been written in part, by us.
  const bool others_write = result_.what == outcome::overwritten;
  for (std::size_t i = 0; i < changes_.size(); ++i) {
    const change& each = changes_[i];
    const std::uint64_t old_target =
        routes_.empty() ? each.old_cell_target : routes_[i].before;
    if (each.cell != 0 && old_target != 0 && HP_COUNTERMEASURE(cells_back))
      System::cells::store(each.cell, old_target);
    if (!changes_text(each) ||
        (others_write && HP_COUNTERMEASURE(keep_foreign) &&
         !is_ours(each, load_word(each.address))))
      continue;
    if (!text_.store_word(each.address, each.old_word))
      failed(outcome::stuck, each);
  }
}

// Each call enters the old or the new function without it as well, so a thread
// that cannot be reached is no reason to fail.
template <typename System>
void commit_batch<System>::barrier() noexcept
{
  if (!System::serialise_cores(barrier_patience))
    barrier_missed_ = true;
}

// While other threads run.
template <typename System>
void commit_batch<System>::take_back() noexcept
{
  if (HP_COUNTERMEASURE(put_back))
    restore_words();
  barrier();
}

// Until the moment calls end where they ended before.
template <typename System>
void commit_batch<System>::lead_through_pads() noexcept
{
  for (std::size_t i = 0; i < changes_.size(); ++i) {
    const change& each = changes_[i];
    const route& way = routes_[i];
    System::cells::store(
        each.cell, way.through.address != 0 ? way.through.address : way.before);
    if (changes_text(each))
      text_.store_word(each.address, encode_far(*each.site));
  }
}

template <typename System>
void commit_batch<System>::make_due(std::uint64_t number) noexcept
{
  for (const route& each : routes_)
    if (each.through.due != nullptr)
      each.through.due->store(number);
}

// False: the moment must not come, and all is as it was.
template <typename System>
bool commit_batch<System>::reach_moment() noexcept
{
  const bool any_text = changes_text(changes_);
  if (any_pad_ && !System::serialise_cores(barrier_long_patience)) {
    restore_pads();
    barrier();
    return failed(outcome::unreached, changes_[0]);
  }
  lead_through_pads();
  const bool reached = !any_text || !HP_COUNTERMEASURE(reach_all_in_between) ||
                       System::serialise_cores(barrier_long_patience);
  if (reached && verify_routes())
    return true;
  if (!reached)
    failed(outcome::unreached, changes_[0]);
  // A thread may stay in a junction for as long as it likes.
  make_due(System::junction_table::never);
  take_back();
  return false;
}

template <typename System>
void commit_batch<System>::store_at_one_moment() noexcept
{
  const std::uint64_t number = junctions_.next_change();
  make_due(number);
  if (!reach_moment())
    return;
  if (routes_[0].through.due != nullptr)
    System::junction_table::happen(number);
  for (const change& each : changes_)
    System::cells::store(each.cell, each.cell_target);
  for (const change& each : changes_)
    if (changes_text(each) && each.new_word != encode_far(*each.site))
      text_.store_word(each.address, each.new_word);
  // A core that still fetches the words before them comes to the new functions,
  // too, so it does no harm if one is missed.
  if (changes_text(changes_))
    (void)System::serialise_cores(barrier_patience);
  if (!verify())
    take_back();
}

template <typename System>
void commit_batch<System>::store() noexcept
{
  if (!text_.open()) {
    result_.error = text_.error();
    failed(outcome::window_refused, changes_[0]);
    return;
  }
  if (!cells_.open()) {
    result_.error = errno;
    failed(outcome::cell_refused, changes_[0]);
  } else if (check_words() && write_pads()) {
    switch (how_) {
      case protocol::words:
        if (any_pad_)
          barrier();
        store_words();
        barrier();
        if (!verify())
          take_back();
        break;
      case protocol::one_moment:
        store_at_one_moment();
        break;
      case protocol::standing:
        if (store_words() && verify() && clear_tails())
          break;
        if (HP_COUNTERMEASURE(put_back))
          restore_words();
        if (HP_COUNTERMEASURE(put_pads_back))
          restore_pads();
        break;
    }
  }
  cells_.close();
  text_.close();
}

template <typename System>
bool commit_batch<System>::forbidden() const noexcept
{
  return (result_.what == outcome::window_refused ||
          result_.what == outcome::junction_refused) &&
         kind_ == writer_kind::rwx_window &&
         (result_.error == EACCES || result_.error == EPERM);
}

template <typename System>
void commit_batch<System>::add_warnings(
    commit_warnings& warnings) const noexcept
{
  if (text_.left_open() != 0)
    warnings.add(HP_LOG_ERROR,
                 "the system does not let program text at %#lx be protected "
                 "again, so it stays writable; mprotect(2) may do it later",
                 text_.left_open());
  if (barrier_missed_ && result_.what == outcome::done)
    warnings.add(HP_LOG_ERROR,
                 "threads may enter an old function for a moment after this "
                 "change: %s",
                 System::barrier_reason());
}

template <typename System>
hp_status commit_batch<System>::explain() const noexcept
{
  if (result_.what == outcome::done)
    return HP_OK;
  const change& change = *result_.where;
  const site_code& site = *change.site;
  switch (result_.what) {
    case outcome::done:
      break;
    case outcome::window_refused:
      return writing_refused(site, "the system refuses", result_.error);
    case outcome::cell_refused:
      return fail(HP_NO_MEMORY,
                  "%s: the jump cells cannot be opened for writing: %s",
                  site.name, std::strerror(result_.error));
    case outcome::junction_refused:
      return result_.error == ENOMEM
                 ? fail(HP_NO_MEMORY,
                        "%s: no memory for the code through which the calls "
                        "of several functions change at one moment",
                        site.name)
                 : writing_refused(
                       site, "the system refuses to make memory executable",
                       result_.error);
    case outcome::word_foreign:
      return foreign_word(change, result_.found);
    case outcome::pad_foreign:
      if (site.entry != nullptr)
        return fail(HP_FOREIGN,
                    "%s: the %zu bytes at %#lx are not those of the image's "
                    "file; nothing was changed",
                    site.name, pad_bytes(site), site.entry->tail);
      return fail(HP_FOREIGN,
                  "%s: the %zu bytes before the symbol at %#lx are not the "
                  "pad that the compiler left; nothing was changed",
                  site.name, far_pad_size, site.symbol);
    case outcome::write_failed:
      return writing_refused(
          site, "the writer failed and everything was put back", result_.error);
    case outcome::unreached_before:
      return fail(HP_DENIED,
                  "%s: the level strict needs every thread to be reached: %s",
                  site.name, System::barrier_reason());
    case outcome::unreached:
      return fail(HP_BUSY,
                  "%s: the change was put back, because a thread could not be "
                  "reached in the middle of it: %s",
                  site.name, System::barrier_reason());
    case outcome::stuck:
      return fail(HP_INTERNAL,
                  "%s: the change failed at %#lx (%s) and failed again when "
                  "everything was to be put back; calls still enter the old "
                  "function",
                  site.name, site.word,
                  barrier_missed_ ? System::barrier_reason()
                                  : std::strerror(result_.error));
    case outcome::overwritten:
      return overwritten_word(site, result_.found, result_.stored);
  }
  return HP_INTERNAL;
}

// --- The level
// ----------------------------------------------------------------

inline protocol protocol_for(hp_level level, writer_kind writer,
                             std::span<const change> changes)
{
  if (level == HP_QUIESCENT)
    return protocol::standing;
  const bool text = changes_text(changes);
  // One store to one cell is one moment for everybody.
  if (!text && (changes.size() == 1 || level != HP_STRICT))
    return protocol::words;
  // How the kernel copies eight bytes is not documented, and where memory may
  // not become executable there are no junctions.
  if (writer == writer_kind::proc_mem)
    return protocol::standing;
  return level == HP_STRICT && HP_COUNTERMEASURE(one_moment)
             ? protocol::one_moment
             : protocol::words;
}

// When the stores may happen: between reach() and pass() the threads stand that
// the level or the protocol wants to stand.
template <typename System>
class commit_moment {
 public:
  commit_moment(const commit_order& order, protocol how) noexcept
      : order_(order), how_(how)
  {
  }

  hp_status reach(std::span<const code_range> vacated) noexcept
  {
    if (order_.level == HP_QUIESCENT)
      return stop_all(vacated, order_.until);
    if (order_.level == HP_SAFEPOINT)
      if (const hp_status status = registered_.reach(order_.until);
          status != HP_OK)
        return status;
    return how_ == protocol::standing ? stop_for_writer() : HP_OK;
  }

  // Lets them go on; none will do so without a serialising instruction.
  void pass() noexcept
  {
    if (all_) {
      if (HP_COUNTERMEASURE(allocate_nothing))
        serialise_core();
      else
        asm volatile("" : : "r"(__builtin_malloc(9)));
      all_->release(stopped_threads::on_resume::serialise);
    }
    registered_.release();
  }

  // If it was not reached.
  bool may_come_later(hp_status status) const noexcept
  {
    const bool level_waits =
        order_.level == HP_QUIESCENT || order_.level == HP_SAFEPOINT;
    return status == HP_BUSY && level_waits &&
           !(all_ && all_->caller_was_inside());
  }

 private:
  hp_status stop_all(std::span<const code_range> vacated,
                     deadline until) noexcept
  {
    return all_.emplace().reach(vacated, until, order_.call);
  }

  // Wherever they are.
  hp_status stop_for_writer() noexcept
  {
    constexpr std::int64_t patience = 1'000'000'000;
    const hp_status status = stop_all({}, deadline::in_nanoseconds(patience));
    if (status == HP_OK)
      return HP_OK;
    return fail_because(status,
                        "code is written through /proc/self/mem, for which all "
                        "threads have to stand still");
  }

  const commit_order& order_;
  const protocol how_;
  typename System::safe_points registered_;
  std::optional<typename System::standing_threads> all_;
};

template <typename System>
commit_outcome commit(typename System::writer& writer,
                      std::span<change> changes,
                      std::span<const code_range> vacated,
                      typename System::junction_table& junctions,
                      const commit_order& order) noexcept
{
  commit_outcome outcome;
  while (!changes.empty()) {
    const writer_kind kind = writer.kind();
    if (kind == writer_kind::none)
      return writing_refused(*changes[0].site, writer.reason(), 0);
    const protocol how = protocol_for(order.level, kind, changes);
    commit_batch<System> batch(kind, how, changes, junctions);
    commit_moment<System> moment(order, how);
    outcome.status = batch.prepare();
    if (outcome.status == HP_OK)
      outcome.status = moment.reach(vacated);
    outcome.may_succeed_later = moment.may_come_later(outcome.status);
    if (outcome.status == HP_OK) {
      {
        [[maybe_unused]] const typename System::note changing;
        batch.store();
      }
      moment.pass();
      outcome.status = batch.explain();
    }
    if (batch.forbidden()) {
      writer.demote(batch.error());
      continue;
    }
    if (outcome.status == HP_OK)
      add_means(outcome.warnings,
                {writer.name(), writer.reason(), System::barrier_name(),
                 System::barrier_reason()});
    batch.add_warnings(outcome.warnings);
    break;
  }
  return outcome;
}

}  // namespace hotpatch

#endif
