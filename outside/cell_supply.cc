// Pages of cells in gaps between mappings.
//
// SPDX-License-Identifier: MIT
#include "outside/cell_supply.h"

#include <algorithm>
#include <string>

#include <sys/mman.h>
#include <sys/syscall.h>

#include "processes/threads.h"
#include "processes/trouble.h"

namespace hotpatch::outside {

namespace {

constexpr std::uint64_t megabyte = 1 << 20;
constexpr std::uint64_t reach = (std::uint64_t{1} << 31) - megabyte;
constexpr std::uint64_t lowest_mapping = megabyte;
constexpr std::uint64_t highest_mapping = 0x7ffffff00000;

// Away from what is above: a heap or stack may grow into a gap.
constexpr std::uint64_t distance = 64 * 1024;

constexpr std::size_t cells_per_page = cell_page_size / sizeof(std::uint64_t);

// MAP_FIXED_NOREPLACE: a thread may have mapped something there meanwhile.  0:
// there is no room.
std::uint64_t map_page(borrowed_thread& thread,
                       std::span<site_change* const> some)
{
  const std::uint64_t wanted =
      find_cell_page(read_maps(thread.process()), some);
  if (wanted == 0)
    return 0;
  const std::int64_t page = thread.system_call(
      SYS_mmap, {wanted, cell_page_size, PROT_READ,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
                 ~std::uint64_t{0}, 0});
  return static_cast<std::uint64_t>(page) == wanted ? wanted : 0;
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
  std::uint64_t low = lowest_mapping;
  std::uint64_t high = highest_mapping;
  std::uint64_t first = highest_mapping;
  for (const site_change* each : changes) {
    const std::uint64_t symbol = each->where.symbol;
    low = std::max(low, symbol > reach ? symbol - reach : 0);
    high = std::min(high, symbol + reach);
    first = std::min(first, symbol);
  }
  // The nearest gap below the first site; a heap grows above a program.
  std::uint64_t best = 0;
  std::uint64_t gap = low;
  for (const process_mapping& mapping : maps) {
    const std::uint64_t end = std::min(mapping.begin, high);
    if (end > gap && end - gap > 2 * distance) {
      const std::uint64_t page = (end - distance) & ~(cell_page_size - 1);
      if (page >= low && (page < first || best == 0))
        best = page;
    }
    gap = std::max(gap, mapping.end);
    if (gap > first && best != 0)
      break;
  }
  return best;
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

void cell_supply::give(borrowed_thread& thread, std::span<site_change> changes)
{
  if (reuse(changes))
    return;
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

// One page serves all, if they are few and near enough to each other: then they
// change at one moment.  Otherwise each half gets its own.
void cell_supply::give_near(borrowed_thread& thread,
                            std::span<site_change*> near)
{
  const bool few = near.size() <= cells_per_page;
  const std::uint64_t page = few ? map_page(thread, near) : 0;
  if (page == 0 && near.size() == 1)
    throw trouble(process_text(thread.process()) +
                  " has no free memory near enough to " + near[0]->name);
  if (page == 0) {
    const bool together =
        near.back()->where.symbol - near.front()->where.symbol < reach;
    const std::size_t first =
        together && !few ? cells_per_page : largest_gap(near);
    give_near(thread, near.first(first));
    give_near(thread, near.subspan(first));
    return;
  }
  pages_.push_back(page);
  std::uint64_t cell = page;
  for (site_change* each : near) {
    each->cell = cell;
    cells_[each->where.word] = cell;
    cell += sizeof cell;
  }
}

void cell_supply::drop(borrowed_thread& thread)
{
  for (const std::uint64_t page : pages_)
    thread.system_call(SYS_munmap, {page, cell_page_size});
  pages_.clear();
  cells_.clear();
}

}  // namespace hotpatch::outside
