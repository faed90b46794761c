// Finds gaps near an image and keeps the cells in them.
// SPDX-License-Identifier: MIT
#include "runtime/text/near_memory.h"

#include <algorithm>
#include <cerrno>
#include <sys/mman.h>

#include "runtime/base/countermeasure.h"
#include "runtime/base/memory_map.h"
#include "runtime/text/near_gap.h"

namespace hotpatch {

namespace {

// Maps a page exactly there, over nothing; 0 if that place is taken.
std::uint64_t map_at(std::uint64_t address, int protection)
{
  void* page = mmap(reinterpret_cast<void*>(address), page_size, protection,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (page == MAP_FAILED)
    return 0;
  // Kernels before 4.17 take the address as a hint only.
  if (reinterpret_cast<std::uint64_t>(page) != address) {
    munmap(page, page_size);
    return 0;
  }
  return address;
}

bool look_at_gap(const memory_mapping& next, const char*, void* data)
{
  return static_cast<near_gap*>(data)->pass(next.begin, next.end,
                                            next.is_stack);
}

std::uint64_t map_in_gap(const site_code& site, int protection)
{
  constexpr int races_lost = 8;  // another thread took the gap first
  for (int attempt = 0; attempt < races_lost; ++attempt) {
    near_gap gap(site.symbol, site.symbol, 0);
    if (!for_each_mapping(look_at_gap, &gap))
      return 0;
    gap.finish();
    for (const std::uint64_t page : {gap.below(), gap.above()})
      if (page != 0 && cell_reaches(site, page))
        if (const std::uint64_t mapped = map_at(page, protection))
          return mapped;
  }
  return 0;
}

// Without /proc: knocks at places farther and farther away.
std::uint64_t map_by_probing(const site_code& site, int protection)
{
  const std::uint64_t start = site.symbol & -page_size;
  for (std::uint64_t distance = page_size; distance < INT32_MAX;
       distance += distance / 16 & -page_size) {
    for (const std::uint64_t page : {start - distance, start + distance})
      if (page < near_gap::address_space_end && cell_reaches(site, page))
        if (const std::uint64_t mapped = map_at(page, protection))
          return mapped;
    distance += page_size;
  }
  return 0;
}

std::uint64_t map_near(const site_code& site, int protection)
{
  const std::uint64_t address = map_in_gap(site, protection);
  return address != 0 ? address : map_by_probing(site, protection);
}

}  // namespace

std::uint64_t near_code::take(std::uint64_t around, std::size_t size) noexcept
{
  site_code place;
  place.symbol = around;
  const std::uint64_t needed = (size + 15) & ~std::uint64_t{15};
  if (needed > page_size)
    return 0;
  for (std::size_t i = blocks_.size(); i > 0; --i) {
    block& each = blocks_[i - 1];
    if (page_size - each.used < needed || !cell_reaches(place, each.address) ||
        !cell_reaches(place, each.address + page_size))
      continue;
    each.used += needed;
    return each.address + each.used - needed;
  }
  if (!blocks_.reserve(blocks_.size() + 1))
    return 0;
  const std::uint64_t address = map_near(place, PROT_READ | PROT_EXEC);
  if (address == 0 || !blocks_.append({address, needed}))
    return 0;
  return address;
}

std::uint64_t near_memory::take_from(page& from) noexcept
{
  for (std::size_t group = 0; group < cells_per_page / 64; ++group) {
    if (from.used[group] == UINT64_MAX)
      continue;
    const auto bit =
        static_cast<std::size_t>(__builtin_ctzll(~from.used[group]));
    from.used[group] |= std::uint64_t{1} << bit;
    return from.address + (group * 64 + bit) * sizeof(std::uint64_t);
  }
  return 0;
}

std::uint64_t near_memory::take_cell(const site_code& site) noexcept
{
  // The newest page first: it is the one with free cells, near what was
  // patched last.
  for (std::size_t i = pages_.size(); i > 0; --i)
    if (cell_reaches(site, pages_[i - 1].address) &&
        cell_reaches(site, pages_[i - 1].address + page_size))
      if (const std::uint64_t cell = take_from(pages_[i - 1]))
        return cell;

  if (!pages_.reserve(pages_.size() + 1))
    return 0;
  const std::uint64_t address = map_near(site, PROT_READ);
  if (address == 0 || !pages_.append({address, {}}))
    return 0;
  return take_from(pages_[pages_.size() - 1]);
}

void near_memory::give_back(std::uint64_t cell) noexcept
{
  for (page& candidate : pages_) {
    if (cell - candidate.address >= page_size)
      continue;
    const std::uint64_t index =
        (cell - candidate.address) / sizeof(std::uint64_t);
    candidate.used[index / 64] &= ~(std::uint64_t{1} << index % 64);
  }
}

std::uint64_t cell_from_outside(const site_code& site,
                                const far_pad& pad) noexcept
{
  const std::uint64_t cell = decode_pad(site, pad);
  memory_mapping found;
  const bool is_cell = HP_COUNTERMEASURE(adopt_cells) && cell != 0 &&
                       cell % sizeof(std::uint64_t) == 0 &&
                       find_mapping(cell, found) && found.inode == 0 &&
                       !found.is_stack && found.protection == PROT_READ;
  return is_cell ? cell : 0;
}

bool cell_window::add(std::uint64_t cell) noexcept
{
  const std::uint64_t page = cell & -page_size;
  // Pages are taken one beside the other, so there are few runs, and the last
  // is likely.
  for (std::size_t i = runs_.size(); i > 0; --i) {
    run& known = runs_[i - 1];
    if (page + page_size < known.begin || page > known.end)
      continue;
    known.begin = std::min(known.begin, page);
    known.end = std::max(known.end, page + page_size);
    return true;
  }
  return runs_.append({page, page + page_size});
}

bool cell_window::protect(const run& pages, int protection) noexcept
{
  return mprotect(reinterpret_cast<void*>(pages.begin), pages.end - pages.begin,
                  protection) == 0;
}

bool cell_window::open() noexcept
{
  for (; opened_ < runs_.size(); ++opened_)
    if (!protect(runs_[opened_], PROT_READ | PROT_WRITE)) {
      const int error = errno;
      // It may have succeeded for some of the pages.
      (void)protect(runs_[opened_], PROT_READ);
      close();
      errno = error;
      return false;
    }
  return true;
}

void cell_window::close() noexcept
{
  for (; opened_ > 0; --opened_)
    for (int attempt = 0; attempt < 2; ++attempt)
      if (protect(runs_[opened_ - 1], PROT_READ))
        break;
}

// Plain to the thread sanitizer, as text_window's stores are.
[[gnu::no_sanitize("thread")]] void cell_window::store(
    std::uint64_t cell, std::uint64_t target) noexcept
{
  __atomic_store_n(reinterpret_cast<std::uint64_t*>(cell), target,
                   __ATOMIC_RELEASE);
}

}  // namespace hotpatch
