// Pages of cells in gaps between mappings.
//
// SPDX-License-Identifier: MIT
#include "outside/cell_supply.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include <sys/mman.h>
#include <sys/syscall.h>

#include "processes/threads.h"
#include "processes/trouble.h"
#include "runtime/base/countermeasure.h"
#include "runtime/text/near_gap.h"

namespace hotpatch::outside {

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
      throw trouble(each.name +
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

// MAP_FIXED_NOREPLACE: a thread may have mapped something there meanwhile.
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
    throw trouble(process_text(thread.process()) +
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
