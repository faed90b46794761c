// Prepare everything that can fail, then store.
// SPDX-License-Identifier: MIT
#include "runtime/commit/commit.h"

#include <cerrno>
#include <cstring>

#include "format/patch_word.h"
#include "runtime/base/status.h"
#include "runtime/commit/breakpoint.h"
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
  if (how_ == protocol::words && !changes_text(each))
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
  if (how_ == protocol::breakpoints)
    if (const char* rule = prepare_breakpoints(changes_))
      return writing_refused(*changes_[0].site, rule, 0);
  return HP_OK;
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
    return failed(outcome::write_failed, each);
  }
  return true;
}

// Of the sites from `first` on: dead bytes still, no core has seen a word that
// leads there.
void commit_batch::restore_pads(std::size_t first) noexcept
{
  for (const change& each : changes_.subspan(first))
    if (each.writes_pad)
      text_.store_bytes(far_pad_address(*each.site), each.old_pad.bytes,
                        far_pad_size);
}

// In one store where the writer can.  False: errno says why.
bool commit_batch::store_word(std::uint64_t address,
                              std::uint64_t word) noexcept
{
  if (kind_ == writer_kind::rwx_window) {
    text_.store_word(address, word);
    return true;
  }
  std::uint8_t bytes[format::word_size];
  std::memcpy(bytes, &word, sizeof bytes);
  return text_.store_bytes(address, bytes, sizeof bytes);
}

// Of use with a writer whose stores cannot fail, or when nobody runs.
bool commit_batch::store_words() noexcept
{
  for (const change& each : changes_) {
    if (each.cell != 0)
      cell_window::store(each.cell, each.cell_target);
    if (changes_text(each) && !store_word(each.address, each.new_word)) {
      result_.error = errno;
      return failed(outcome::write_failed, each);
    }
  }
  return true;
}

bool commit_batch::verify() noexcept
{
  for (const change& each : changes_) {
    const std::uint64_t found = load_word(each.address);
    if (found != each.new_word) {
      result_.found = found;
      return failed(outcome::overwritten, each);
    }
  }
  return true;
}

// Puts back what is ours; somebody else's bytes stay.  Where other threads run
// the pads stay too: a thread may be in one.
void commit_batch::restore_words() noexcept
{
  // Otherwise a word that is not new has been written in part, by us.
  const bool others_write = result_.what == outcome::overwritten;
  for (const change& each : changes_) {
    if (each.cell != 0 && each.old_cell_target != 0)
      cell_window::store(each.cell, each.old_cell_target);
    if (others_write && load_word(each.address) != each.new_word)
      continue;
    if (!store_word(each.address, each.old_word))
      failed(outcome::stuck, each);
  }
}

// The same where words change by breakpoints only.  One by one, since there is
// no memory to be had for a list of the ways back.
void commit_batch::restore_by_breakpoints() noexcept
{
  for (const change& each : changes_) {
    change back = each;
    back.old_word = each.new_word;
    back.new_word = each.old_word;
    back.cell = each.old_cell_target != 0 ? each.cell : 0;
    back.cell_target = each.old_cell_target;
    back.old_cell_target = each.cell_target;
    if (load_word(each.address) != each.new_word) {
      if (back.cell != 0)
        cell_window::store(back.cell, back.cell_target);
    } else if (store_by_breakpoints(text_, {&back, 1}).failed != nullptr) {
      failed(outcome::stuck, each);
    }
  }
}

// Each call enters the old or the new function without it as well, so a thread
// that cannot be reached is no reason to fail.
void commit_batch::barrier() noexcept
{
  if (!serialise_cores())
    barrier_missed_ = true;
}

void commit_batch::store_all() noexcept
{
  if (!write_pads()) {
    restore_pads(0);
    return;
  }
  switch (how_) {
    case protocol::words:
      if (any_pad_)
        barrier();
      store_words();
      barrier();
      if (verify())
        return;
      restore_words();
      barrier();
      return;
    case protocol::standing:
      if (store_words() && verify())
        return;
      restore_words();
      restore_pads(0);
      return;
    case protocol::breakpoints:
      break;
  }
  const breakpoint_result result = store_by_breakpoints(text_, changes_);
  barrier_missed_ = result.barrier_missed;
  signal_taken_ = result.signal_taken;
  if (result.failed == nullptr) {
    if (!verify())
      restore_by_breakpoints();
    return;
  }
  result_.error = result.error;
  failed(!result.put_back        ? outcome::stuck
         : result.barrier_missed ? outcome::unreached
                                 : outcome::write_failed,
         *result.failed);
  // A thread may be in the pads before that.
  restore_pads(result.heads_written);
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
  } else if (check_words()) {
    store_all();
  }
  cells_.close();
  text_.close();
}

bool commit_batch::forbidden() const noexcept
{
  return result_.what == outcome::window_refused &&
         kind_ == writer_kind::rwx_window &&
         (result_.error == EACCES || result_.error == EPERM);
}

}  // namespace hotpatch
