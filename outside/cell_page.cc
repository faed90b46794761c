// Gaps between mappings.
//
// SPDX-License-Identifier: MIT
#include "outside/cell_page.h"

#include <algorithm>

namespace hotpatch::outside {

namespace {

constexpr std::uint64_t megabyte = 1 << 20;
constexpr std::uint64_t reach = (std::uint64_t{1} << 31) - megabyte;
constexpr std::uint64_t lowest_mapping = megabyte;
constexpr std::uint64_t highest_mapping = 0x7ffffff00000;

// Away from what is above: a heap or stack may grow into a gap.
constexpr std::uint64_t distance = 64 * 1024;

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

}  // namespace hotpatch::outside
