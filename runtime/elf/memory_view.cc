// Finding and ordering the ranges of a memory view.
// SPDX-License-Identifier: MIT
#include "runtime/elf/memory_view.h"

#include <algorithm>

namespace hotpatch {

const memory_range* memory_view::find(std::uint64_t address) const noexcept
{
  const memory_range* last = ranges + count;
  const memory_range* above = std::upper_bound(
      ranges, last, address, [](std::uint64_t where, const memory_range& r) {
        return where < r.address;
      });
  if (above == ranges || !above[-1].contains(address))
    return nullptr;
  return above - 1;
}

bool sort_ranges(memory_range* ranges, std::size_t count) noexcept
{
  std::sort(ranges, ranges + count,
            [](const memory_range& a, const memory_range& b) {
              return a.address < b.address;
            });
  for (std::size_t i = 0; i < count; ++i) {
    if (ranges[i].size > UINT64_MAX - ranges[i].address)
      return false;
    if (i > 0 && ranges[i - 1].contains(ranges[i].address))
      return false;
  }
  return true;
}

}  // namespace hotpatch
