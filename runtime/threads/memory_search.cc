// Comparing every word of some memory with ranges of code.
// SPDX-License-Identifier: MIT
#include "runtime/threads/memory_search.h"

#include <algorithm>

#include "runtime/base/raw_file.h"
#include "runtime/base/valgrind_request.h"
#include "runtime/threads/signal_frame.h"

namespace hotpatch {

namespace {

constexpr std::uint64_t page_size = 4096;
constexpr std::uint64_t cache_line = 64;
constexpr std::size_t ahead = 96;  // words: twelve lines

}  // namespace

// All that is mapped and readable in [from, to).  `idle`: the memory may never
// have been touched.
bool memory_search::find(std::uint64_t from, std::uint64_t to,
                         bool idle) noexcept
{
  for (memory_region region = regions_.find_or_next(from);
       region.exists() && region.begin < to;
       region = regions_.find_or_next(region.end)) {
    const std::uint64_t begin = std::max(from, region.begin);
    const std::uint64_t end = std::min(to, region.end);
    if (region.readable &&
        (idle && region.anonymous
             ? find_touched(begin, end)
             : find_word(begin, end, code_ranges::role::value)))
      return true;
    if (end == to)
      break;
  }
  return false;
}

bool memory_search::find_below_stack(std::uint64_t from,
                                     std::uint64_t to) noexcept
{
  const memory_region region = regions_.find(from);
  return region.exists() && region.readable &&
         find_word(from, std::min(to, region.end),
                   code_ranges::role::below_stack);
}

// Leaves out pages that were never written.  Reading them would do no harm, but
// costs a page fault each.
bool memory_search::find_touched(std::uint64_t from, std::uint64_t to) noexcept
{
  // The kernel's Documentation/admin-guide/mm/pagemap.rst: one word per page.
  constexpr std::uint64_t present_or_swapped = std::uint64_t{3} << 62;
  constexpr std::size_t batch = 256;
  const raw_file pagemap("/proc/thread-self/pagemap", O_RDONLY);
  if (!pagemap)
    return find_word(from, to, code_ranges::role::value);
  while (from < to) {
    std::uint64_t pages[batch];
    const std::uint64_t first = from / page_size;
    const std::size_t wanted =
        std::min<std::uint64_t>(batch, (to - 1) / page_size + 1 - first);
    const long got = pagemap.read_at(first * sizeof pages[0], pages,
                                     wanted * sizeof pages[0]);
    if (got <= 0)
      return find_word(from, to, code_ranges::role::value);
    const std::size_t count = static_cast<std::size_t>(got) / sizeof pages[0];
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint64_t next = std::min(to, (first + i + 1) * page_size);
      if ((pages[i] & present_or_swapped) != 0 &&
          find_word(from, next, code_ranges::role::value))
        return true;
      from = next;
    }
  }
  return false;
}

// Reads memory that other threads wrote, and red zones: no sanitizer may check.
[[gnu::no_sanitize("address", "thread", "undefined")]] bool
memory_search::find_word(std::uint64_t from, std::uint64_t to,
                         code_ranges::role how) noexcept
{
  const valgrind_silence here;
  const code_ranges::hull around = ranges_.around();
  const auto* const end =
      reinterpret_cast<const std::uint64_t*>(to & ~std::uint64_t{7});
  for (auto* word = reinterpret_cast<const std::uint64_t*>((from + 7) & ~7ull);
       word < end; ++word) {
    // The words are in the cache of the core that the thread ran on.
    if (reinterpret_cast<std::uint64_t>(word) % cache_line == 0)
      __builtin_prefetch(word + ahead);
    if (!around.contains(*word) || !ranges_.may_contain(*word))
      continue;
    // Where too little is left to tell, it may be one.
    const bool from_signal = end - word <= 2 || is_signal_frame(word);
    const std::size_t range = ranges_.find(
        *word, from_signal ? code_ranges::role::instruction_pointer : how);
    if (range != code_ranges::none) {
      hit_ = {*word, range};
      return true;
    }
  }
  return false;
}

}  // namespace hotpatch
