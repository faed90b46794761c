// Prepare everything that can fail, then store.
// SPDX-License-Identifier: MIT
#include "runtime/commit/commit_batch.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "format/patch_word.h"
#include "runtime/base/countermeasure.h"
#include "runtime/base/status.h"
#include "runtime/text/barrier.h"

namespace hotpatch {

namespace {

bool equal(const far_pad& a, const far_pad& b)
{
  return std::memcmp(a.bytes, b.bytes, far_pad_size) == 0;
}

bool changes_text(const change& change)
{
  return change.old_word != change.new_word;
}

bool changes_text(std::span<const change> changes)
{
  return std::any_of(changes.begin(), changes.end(),
                     [](const change& each) { return changes_text(each); });
}

}  // namespace

[[gnu::no_sanitize("thread", "address")]] far_pad load_pad(
    const site_code& site) noexcept
{
  far_pad pad;
  const auto* bytes =
      reinterpret_cast<const volatile std::uint8_t*>(far_pad_address(site));
  for (std::size_t i = 0; i < far_pad_size; ++i)
    pad.bytes[i] = bytes[i];
  return pad;
}

bool commit_batch::failed(outcome what, const change& where) noexcept
{
  result_.what = what;
  result_.where = &where;
  return false;
}

inline bool commit_batch::check_word(const change& each) noexcept
{
  const std::uint64_t found = load_word(each.address);
  if (found == each.old_word)
    return true;
  result_.found = found;
  return failed(outcome::word_foreign, each);
}

bool commit_batch::check_words() noexcept
{
  for (const change& each : changes_)
    if (!check_word(each))
      return false;
  return true;
}

bool commit_batch::check_pad(change& each) noexcept
{
  if (each.cell == 0 || !changes_text(each))
    return true;
  each.old_pad = load_pad(*each.site);
  each.writes_pad = !equal(each.old_pad, encode_pad(*each.site, each.cell));
  if (!each.writes_pad)
    return true;
  any_pad_ = true;
  return pad_is_pristine(each.old_pad) || failed(outcome::pad_foreign, each);
}

bool commit_batch::add_window(const change& each) noexcept
{
  if (!changes_text(each))
    return true;
  const std::uint64_t begin =
      each.writes_pad ? far_pad_address(*each.site) : each.address;
  const std::uint64_t end = each.address + format::word_size;
  if (on_few_pages_ ? text_.add_of_few(begin, end) : text_.add(begin, end))
    return true;
  result_.error = text_.error() != 0 ? text_.error() : ENOMEM;
  return failed(outcome::window_refused, each);
}

hp_status commit_batch::prepare() noexcept
{
  // One pass: with many sites each pass waits for the text to come from memory.
  for (change& each : changes_) {
    if (!check_word(each))
      return explain();
    // Nearly every one of many: near, and on a page with the one before.
    if (each.cell == 0 && text_.covers_word(each.address))
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

namespace {

// The function that calls of a site enter which holds `word`.
std::uint64_t destination(const change& change)
{
  const decoded_word decoded = decode_word(*change.site, change.old_word);
  switch (decoded.form) {
    case word_form::pristine:
      return change.site->word + format::word_size;
    case word_form::near:
      return decoded.target;
    case word_form::far:
    case word_form::foreign:
      break;
  }
  return change.old_cell_target;
}

}  // namespace

// Also finds out whether every thread can be reached, because in the middle of
// the protocol that is too late.
bool commit_batch::make_routes() noexcept
{
  if (changes_text(changes_) && !serialise_cores())
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
void commit_batch::restore_pads() noexcept
{
  for (const change& each : changes_)
    if (each.writes_pad)
      text_.store_bytes(far_pad_address(*each.site), each.old_pad.bytes,
                        far_pad_size);
}

bool commit_batch::write_pads() noexcept
{
  if (!any_pad_)
    return true;
  for (const change& each : changes_) {
    if (!each.writes_pad)
      continue;
    const far_pad pad = encode_pad(*each.site, each.cell);
    if (text_.store_bytes(far_pad_address(*each.site), pad.bytes, far_pad_size))
      continue;
    result_.error = errno;
    failed(outcome::write_failed, each);
    restore_pads();
    return false;
  }
  return true;
}

// Of use with a writer whose stores cannot fail, or when nobody runs.
bool commit_batch::store_words() noexcept
{
  for (const change& each : changes_) {
    if (each.cell != 0)
      cell_window::store(each.cell, each.cell_target);
    if (changes_text(each) && !text_.store_word(each.address, each.new_word)) {
      result_.error = errno;
      return failed(outcome::write_failed, each);
    }
  }
  return true;
}

bool commit_batch::overwritten(const change& where, std::uint64_t stored,
                               std::uint64_t found) noexcept
{
  result_.stored = stored;
  result_.found = found;
  return failed(outcome::overwritten, where);
}

bool commit_batch::verify() noexcept
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
bool commit_batch::verify_routes() noexcept
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
bool commit_batch::is_ours(const change& each,
                           std::uint64_t word) const noexcept
{
  return word == each.new_word ||
         (how_ == protocol::one_moment && word == encode_far(*each.site));
}

// Puts back what is ours; somebody else's bytes stay.  Where other threads run
// the pads stay too: a thread may be in one.
void commit_batch::restore_words() noexcept
{
  // Otherwise a word that is not new has been written in part, by us.
  const bool others_write = result_.what == outcome::overwritten;
  for (std::size_t i = 0; i < changes_.size(); ++i) {
    const change& each = changes_[i];
    const std::uint64_t old_target =
        routes_.empty() ? each.old_cell_target : routes_[i].before;
    if (each.cell != 0 && old_target != 0 && HP_COUNTERMEASURE(cells_back))
      cell_window::store(each.cell, old_target);
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
void commit_batch::barrier() noexcept
{
  if (!serialise_cores())
    barrier_missed_ = true;
}

// While other threads run.
void commit_batch::take_back() noexcept
{
  if (HP_COUNTERMEASURE(put_back))
    restore_words();
  barrier();
}

// Until the moment calls end where they ended before.
void commit_batch::lead_through_pads() noexcept
{
  for (std::size_t i = 0; i < changes_.size(); ++i) {
    const change& each = changes_[i];
    const route& way = routes_[i];
    cell_window::store(
        each.cell, way.through.address != 0 ? way.through.address : way.before);
    if (changes_text(each))
      text_.store_word(each.address, encode_far(*each.site));
  }
}

void commit_batch::make_due(std::uint64_t number) noexcept
{
  for (const route& each : routes_)
    if (each.through.due != nullptr)
      each.through.due->store(number);
}

// False: the moment must not come, and all is as it was.
bool commit_batch::reach_moment() noexcept
{
  const bool any_text = changes_text(changes_);
  if (any_pad_ && !serialise_cores(barrier_long_patience)) {
    restore_pads();
    barrier();
    return failed(outcome::unreached, changes_[0]);
  }
  lead_through_pads();
  const bool reached = !any_text || !HP_COUNTERMEASURE(reach_all_in_between) ||
                       serialise_cores(barrier_long_patience);
  if (reached && verify_routes())
    return true;
  if (!reached)
    failed(outcome::unreached, changes_[0]);
  // A thread may stay in a junction for as long as it likes.
  make_due(junctions::never);
  take_back();
  return false;
}

void commit_batch::store_at_one_moment() noexcept
{
  const std::uint64_t number = junctions_.next_change();
  make_due(number);
  if (!reach_moment())
    return;
  if (routes_[0].through.due != nullptr)
    junctions::happen(number);
  for (const change& each : changes_)
    cell_window::store(each.cell, each.cell_target);
  for (const change& each : changes_)
    if (changes_text(each) && each.new_word != encode_far(*each.site))
      text_.store_word(each.address, each.new_word);
  // A core that still fetches the words before them comes to the new functions,
  // too, so it does no harm if one is missed.
  if (changes_text(changes_))
    (void)serialise_cores();
  if (!verify())
    take_back();
}

void commit_batch::store() noexcept
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
        if (store_words() && verify())
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

bool commit_batch::forbidden() const noexcept
{
  return (result_.what == outcome::window_refused ||
          result_.what == outcome::junction_refused) &&
         kind_ == writer_kind::rwx_window &&
         (result_.error == EACCES || result_.error == EPERM);
}

}  // namespace hotpatch
