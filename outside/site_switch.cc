// Looking at sites, and changing them in an order that is harmless.
//
// SPDX-License-Identifier: MIT
#include "outside/site_switch.h"

#include <algorithm>
#include <array>
#include <exception>
#include <iterator>
#include <map>
#include <string>
#include <type_traits>
#include <utility>

#include <sys/mman.h>
#include <sys/syscall.h>

#include "processes/errors.h"
#include "processes/process_list.h"
#include "processes/text.h"
#include "runtime/base/countermeasure.h"
#include "runtime/base/page_size.h"
#include "runtime/text/near_gap.h"

namespace hotpatch::outside {

// Writing, and writing back.

namespace {

// A write that failed once, for want of memory for the copy of a page, may
// succeed when it is made again.
constexpr int most_attempts = 3;

// The kernel copies pages, each of them whole or not at all.

}  // namespace

void change_journal::write(std::uint64_t address,
                           std::span<const std::uint8_t> old,
                           std::span<const std::uint8_t> bytes)
{
  // First, because a write that fails may have written the bytes of one page
  // and not those of the next one.
  entries_.push_back({address, {old.begin(), old.end()}});
  try {
    memory_.write(address, bytes);
  } catch (const tool_error&) {
    if (address / page_size == (address + bytes.size() - 1) / page_size)
      entries_.pop_back();
    throw;
  }
}

bool change_journal::put_back(const entry& which) noexcept
{
  for (int attempt = 0; attempt < most_attempts; ++attempt) {
    try {
      std::uint8_t now[64];
      memory_.write(which.address, which.old);
      for (std::size_t at = 0; at < which.old.size(); at += sizeof now) {
        const std::size_t size = std::min(sizeof now, which.old.size() - at);
        memory_.read(which.address + at, {now, size});
        if (!std::equal(now, now + size,
                        which.old.begin() + static_cast<std::ptrdiff_t>(at)))
          return false;
      }
      return true;
    } catch (const std::exception&) {
      // The next attempt, or the caller says what there is.
    }
  }
  return false;
}

bool change_journal::undo() noexcept
{
  if (!HP_COUNTERMEASURE(undo_a_failed_change))
    return true;
  while (!entries_.empty()) {
    if (!put_back(entries_.back()))
      return false;
    entries_.pop_back();
  }
  return true;
}

// Looking at sites, and changing them in an order that is harmless.

namespace {

constexpr std::uint64_t page_mask = ~(page_size - 1);

[[noreturn]] void refuse_foreign(const site_change& change)
{
  std::string text = change.name +
                     ": its patch word holds bytes that are not "
                     "hotpatch's (";
  std::uint8_t bytes[8];
  std::copy_n(reinterpret_cast<const std::uint8_t*>(&change.word), 8, bytes);
  append_bytes(text, bytes);
  throw tool_error(text + "), perhaps a debugger's breakpoint; remove it");
}

std::span<const std::uint8_t> bytes_of(
    const std::vector<std::uint64_t>& quadwords)
{
  return {reinterpret_cast<const std::uint8_t*>(quadwords.data()),
          quadwords.size() * sizeof(std::uint64_t)};
}

bool changes_anything(const site_change& change)
{
  return change.active != change.wanted();
}

}  // namespace

site_content site_switch::read_one(const site_change& change) const
{
  site_content found;
  // A failure throws.
  (void)read_site(
      change.where,
      [this](std::uint64_t address, auto& into) {
        into = memory_.load<std::remove_reference_t<decltype(into)>>(address);
        return true;
      },
      found);
  return found;
}

void site_switch::read_sites(std::span<site_change> changes) const
{
  for (site_change& each : changes) {
    const site_content found = read_one(each);
    each.word = found.word;
    each.pad = found.pad;
    each.form = found.form;
    each.cell = found.cell;
    each.active = found.target;
    if (found.form == word_form::foreign)
      refuse_foreign(each);
  }
}

std::string site_switch::changed_since(
    std::span<const site_change> changes) const
{
  for (const site_change& each : changes) {
    const site_content now = read_one(each);
    if (now.word != each.word || now.pad != each.pad ||
        now.target != each.active)
      return each.name;
  }
  return {};
}

bool site_switch::needs_cells(std::span<const site_change> changes)
{
  if (std::count_if(changes.begin(), changes.end(), changes_anything) > 1)
    return true;
  return std::any_of(
      changes.begin(), changes.end(), [](const site_change& each) {
        return changes_anything(each) &&
               (each.form == word_form::far ||
                form_for(each.where, each.target) == word_form::far);
      });
}

// Of the sites that no far word leads to yet: dead bytes.
void site_switch::write_pads(std::span<const site_change> changes,
                             change_journal& journal)
{
  for (const site_change& each : changes) {
    switch (plan_pad(each.where, each.pad, each.cell)) {
      case pad_step::none:
        break;
      case pad_step::write:
        journal.store(far_pad_address(each.where), each.pad,
                      encode_pad(each.where, each.cell));
        break;
      case pad_step::foreign:
        throw tool_error(each.name +
                         ": the bytes before it are not as the compiler left "
                         "them, something else uses them");
    }
  }
}

void site_switch::store_cells(std::span<const site_change> changes,
                              std::uint64_t (*value)(const site_change&),
                              change_journal& journal)
{
  struct page_write {
    std::uint64_t first;
    std::vector<std::uint64_t> old;
    std::vector<std::uint64_t> values;
  };
  std::map<std::uint64_t, std::map<std::uint64_t, std::uint64_t>> pages;
  for (const site_change& each : changes)
    pages[each.cell & page_mask][each.cell] = value(each);
  std::vector<page_write> writes;
  for (const auto& [page, cells] : pages) {
    page_write one = {cells.begin()->first, {}, {}};
    one.old.resize((cells.rbegin()->first - one.first) / 8 + 1);
    memory_.read(one.first, {reinterpret_cast<std::uint8_t*>(one.old.data()),
                             one.old.size() * 8});
    one.values = one.old;
    for (const auto& [cell, content] : cells)
      one.values[(cell - one.first) / 8] = content;
    writes.push_back(std::move(one));
  }
  // Nothing between these: it is the moment of the change.
  for (const page_write& each : writes)
    journal.write(each.first, bytes_of(each.old), bytes_of(each.values));
}

void site_switch::commit(std::span<const site_change> changes,
                         change_journal& journal)
{
  if (!needs_cells(changes)) {
    for (const site_change& each : changes)
      if (changes_anything(each))
        journal.store(each.where.word, each.word,
                      encode_word(each.where, each.target));
  } else {
    // A cell that a far word leads through holds that already.
    store_cells(
        changes, [](const site_change& each) { return each.active; }, journal);
    write_pads(changes, journal);
    for (const site_change& each : changes)
      journal.store(each.where.word, each.word, encode_far(each.where));
    store_cells(
        changes, [](const site_change& each) { return each.wanted(); },
        journal);
    for (const site_change& each : changes)
      if (each.target == 0)
        journal.store(each.where.word, encode_far(each.where),
                      encode_word(each.where, 0));
  }
  verify(changes);
}

void site_switch::verify(std::span<const site_change> changes) const
{
  std::vector<site_change> now(changes.begin(), changes.end());
  read_sites(now);
  for (const site_change& each : now)
    if (changes_anything(each))
      throw tool_error(each.name +
                       ": the process does not hold what was written to it");
}

// Pages of cells in gaps between mappings.

namespace {

// In bytes, away from what is above: a stack may grow into a gap.
constexpr std::uint64_t margin = 64 * 1024;

// The last quadword of a page has the mark: "hp cells", backwards.
constexpr std::size_t cells_per_page = page_size / sizeof(std::uint64_t) - 1;
constexpr std::uint64_t page_mark = 0x736c6c6563207068;

// The kernel makes one mapping of pages side by side.
constexpr std::uint64_t largest_mapping = 64 * page_size;

bool may_have_cells(const process_mapping& mapping)
{
  return mapping.inode == 0 && mapping.path.empty() && !mapping.executable &&
         mapping.end - mapping.begin <= largest_mapping;
}

// How many of them lie before the largest gap between two.
std::size_t largest_gap(std::span<site_change* const> sorted)
{
  std::size_t best = 1;
  for (std::size_t i = 1; i < sorted.size(); ++i)
    if (sorted[i]->where.symbol - sorted[i - 1]->where.symbol >
        sorted[best]->where.symbol - sorted[best - 1]->where.symbol)
      best = i;
  return best;
}

}  // namespace

std::uint64_t find_cell_page(const std::vector<process_mapping>& maps,
                             std::span<site_change* const> changes)
{
  const auto by_symbol = [](const site_change* a, const site_change* b) {
    return a->where.symbol < b->where.symbol;
  };
  const auto [first, last] =
      std::minmax_element(changes.begin(), changes.end(), by_symbol);
  near_gap gap((*first)->where.symbol, (*last)->where.symbol, margin);
  for (const process_mapping& mapping : maps)
    if (!gap.pass(mapping.begin, mapping.end, mapping.path == "[stack]"))
      break;
  gap.finish();
  return gap.best();
}

bool cell_supply::reuse(std::span<site_change> changes) const
{
  if (!site_switch::needs_cells(changes))
    return true;
  bool all = true;
  for (site_change& each : changes) {
    if (each.cell != 0)
      continue;
    if (!has_far_form(each.where))
      throw tool_error(each.name +
                       " has no room for a far jump before it; it can only "
                       "be replaced alone, by code that is near");
    const auto known = cells_.find(each.where.word);
    if (known != cells_.end() && cell_reaches(each.where, known->second))
      each.cell = known->second;
    all = all && each.cell != 0;
  }
  return all;
}

// Of all pages in the process.
void cell_supply::find_free(const std::vector<process_mapping>& maps,
                            std::span<const site_change> changes)
{
  free_.clear();
  if (!HP_COUNTERMEASURE(share_cell_pages))
    return;
  for (const process_mapping& mapping : maps) {
    if (!may_have_cells(mapping))
      continue;
    for (std::uint64_t page = mapping.begin; page < mapping.end;
         page += page_size) {
      std::array<std::uint64_t, cells_per_page + 1> content;
      if (memory_.read_some(page, {reinterpret_cast<std::uint8_t*>(&content),
                                   sizeof content}) != sizeof content ||
          content.back() != page_mark)
        continue;
      free_cells found = {page, {}};
      for (std::size_t i = 0; i < cells_per_page; ++i)
        if (content[i] == 0)
          found.cells.push_back(page + i * sizeof(std::uint64_t));
      free_.push_back(std::move(found));
    }
  }
  std::stable_partition(
      free_.begin(), free_.end(), [&](const free_cells& each) {
        return std::any_of(changes.begin(), changes.end(),
                           [&](const site_change& change) {
                             return change.cell - each.page < page_size;
                           });
      });
}

void cell_supply::give(borrowed_thread& thread, std::span<site_change> changes)
{
  if (reuse(changes))
    return;
  find_free(read_maps(thread.process()), changes);
  std::vector<site_change*> without;
  for (site_change& each : changes)
    if (each.cell == 0)
      without.push_back(&each);
  std::sort(without.begin(), without.end(),
            [](const site_change* a, const site_change* b) {
              return a->where.symbol < b->where.symbol;
            });
  give_near(thread, without);
}

cell_supply::free_cells* cell_supply::find_room(
    std::span<site_change* const> near)
{
  for (free_cells& each : free_)
    if (each.cells.size() >= near.size() &&
        std::all_of(near.begin(), near.end(), [&](const site_change* change) {
          return cell_reaches(change->where, each.page) &&
                 cell_reaches(change->where, each.page + page_size);
        }))
      return &each;
  return nullptr;
}

// MAP_FIXED_NOREPLACE: a thread may have mapped something there since.
// Null: there is no room.
cell_supply::free_cells* cell_supply::map_page(
    borrowed_thread& thread, std::span<site_change* const> near)
{
  const std::uint64_t wanted =
      find_cell_page(read_maps(thread.process()), near);
  if (wanted == 0)
    return nullptr;
  const std::int64_t page = thread.system_call(
      SYS_mmap, {wanted, page_size, PROT_READ,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
                 ~std::uint64_t{0}, 0});
  if (static_cast<std::uint64_t>(page) != wanted)
    return nullptr;
  mapped_.push_back(wanted);
  memory_.store(wanted + cells_per_page * sizeof(std::uint64_t), page_mark);
  free_cells fresh = {wanted, {}};
  for (std::size_t i = 0; i < cells_per_page; ++i)
    fresh.cells.push_back(wanted + i * sizeof(std::uint64_t));
  free_.push_back(std::move(fresh));
  return &free_.back();
}

// One page serves all, if they are few and near enough to each other: then they
// change at one moment.  Otherwise each half gets its own.
void cell_supply::give_near(borrowed_thread& thread,
                            std::span<site_change*> near)
{
  const bool few = near.size() <= cells_per_page;
  free_cells* from = find_room(near);
  if (from == nullptr && few)
    from = map_page(thread, near);
  if (from == nullptr && near.size() == 1)
    throw tool_error(process_text(thread.process()) +
                     " has no free memory near enough to " + near[0]->name);
  if (from == nullptr) {
    const bool together =
        near.back()->where.symbol - near.front()->where.symbol <
        near_gap::reach;
    const std::size_t first =
        together && !few ? cells_per_page : largest_gap(near);
    give_near(thread, near.first(first));
    give_near(thread, near.subspan(first));
    return;
  }
  for (std::size_t i = 0; i < near.size(); ++i) {
    near[i]->cell = from->cells[i];
    cells_[near[i]->where.word] = from->cells[i];
  }
  from->cells.erase(
      from->cells.begin(),
      from->cells.begin() + static_cast<std::ptrdiff_t>(near.size()));
}

void cell_supply::drop(borrowed_thread& thread)
{
  for (const std::uint64_t page : mapped_)
    thread.system_call(SYS_munmap, {page, page_size});
  mapped_.clear();
  cells_.clear();
}

}  // namespace hotpatch::outside
