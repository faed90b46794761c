// Writing, and writing back.
//
// SPDX-License-Identifier: MIT
#include "outside/change_journal.h"

#include <algorithm>
#include <exception>

#include "processes/trouble.h"
#include "runtime/base/countermeasure.h"
#include "runtime/base/page_size.h"

namespace hotpatch::outside {

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
  } catch (const trouble&) {
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

}  // namespace hotpatch::outside
