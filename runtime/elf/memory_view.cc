// The bytes and strings of an image.
//
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

// Strings that are known to end.

// A string ends inside its range exactly if it begins at or before the last
// NUL of the range, so that NUL is looked for once, not once per string.  Not
// with memrchr: in a program built with -fsanitize=address it complains about
// the red zones between the program's own constants.
bool view_texts::look_up(std::uint64_t address) noexcept
{
  const memory_range* const range = view_.find(address);
  if (range == nullptr)
    return false;
  recent_ = *range;
  while (recent_.size > 0 && recent_.bytes[recent_.size - 1] != '\0')
    --recent_.size;
  return recent_.contains(address);
}

}  // namespace hotpatch
