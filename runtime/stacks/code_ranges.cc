// Sorting ranges of code, and looking addresses up in them.
// SPDX-License-Identifier: MIT
#include "runtime/stacks/code_ranges.h"

#include <algorithm>
#include <cstring>

#include "runtime/base/countermeasure.h"
#include "runtime/base/status.h"
#include "runtime/stacks/frame_walk.h"

namespace hotpatch {

namespace {

// Whether the code up to `end` ends in a call, after which `end` is a return
// address although the function ends there: a call to a noreturn function.
bool ends_in_call(std::uint64_t begin, std::uint64_t end,
                  const stack_memory& memory)
{
  std::uint8_t bytes[8];
  const std::uint64_t size = std::min<std::uint64_t>(end - begin, sizeof bytes);
  return memory.read(memory.self, end - size, bytes, size) &&
         may_end_in_call(bytes, size);
}

}  // namespace

code_range body_of(const site_code& site) noexcept
{
  return {body_address(site), site.end, site.name, code_kind::body};
}

code_range pre_pad_of(const site_code& site) noexcept
{
  return {site.symbol - site.pad, site.symbol, site.name, code_kind::pad};
}

// A thread at the first byte of what changes executes whatever is there then.
entry_ranges ranges_of_entry(const site_code& site) noexcept
{
  const entry_code& entry = *site.entry;
  const std::uint64_t dead_end =
      entry.tail + (entry.needs_standing ? 0 : entry.tail_size);
  constexpr std::uint64_t stub_size = 7;
  return {{{entry.begin + 1, site.end, site.name, code_kind::body},
           {entry.original, entry.original_end, site.name, code_kind::body},
           {entry.tail, dead_end, site.name, code_kind::pad},
           {entry.stub, entry.stub + stub_size, site.name, code_kind::pad}}};
}

hp_status code_ranges::prepare(std::span<const code_range> ranges,
                               const stack_memory& memory) noexcept
{
  memory_ = &memory;
  entries_.clear();
  std::memset(pages_, 0, sizeof pages_);
  hull_ = {};
  if (!entries_.reserve(ranges.size()))
    return fail(HP_NO_MEMORY, "no memory to look for %zu functions on stacks",
                ranges.size());
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    const code_range& each = ranges[i];
    if (each.begin >= each.end)
      continue;
    const bool body = each.kind == code_kind::body;
    // Whether its last instruction is a call is looked at when an address asks
    // for it: to read the ends of all functions takes too long.
    const bool may_return_to_end = body && HP_COUNTERMEASURE(last_calls);
    const std::uint64_t limit = each.end + (may_return_to_end ? 1 : 0);
    if (!entries_.append({each.begin, limit, 0, i, each.kind}))
      return fail(HP_INTERNAL, "the list of functions is too short");
    note_pages(each.begin, limit - 1);
  }
  if (entries_.empty())
    return HP_OK;

  std::sort(entries_.begin(), entries_.end(),
            [](const entry& a, const entry& b) { return a.begin < b.begin; });
  std::uint64_t reach = 0;
  for (entry& each : entries_)
    each.reach = reach = std::max(reach, each.limit);
  hull_ = {entries_[0].begin, reach - entries_[0].begin};
  return HP_OK;
}

void code_ranges::note_pages(std::uint64_t first, std::uint64_t last) noexcept
{
  first >>= page_shift;
  last >>= page_shift;
  if (last - first >= words * 64)
    std::memset(pages_, 0xff, sizeof pages_);
  else
    for (std::uint64_t page = first; page <= last; ++page)
      pages_[page / 64 % words] |= std::uint64_t{1} << (page % 64);
}

std::size_t code_ranges::find(std::uint64_t address, role how) const noexcept
{
  const entry* each =
      std::upper_bound(entries_.begin(), entries_.end(), address,
                       [](std::uint64_t wanted, const entry& candidate) {
                         return wanted < candidate.begin;
                       });
  // Ranges may overlap (a body in an image that is searched as a whole): an
  // earlier one may still reach that far.
  while (each != entries_.begin() && (--each)->reach > address)
    if (address < each->limit && counts(*each, address, how))
      return each->index;
  return none;
}

bool code_ranges::counts(const entry& range, std::uint64_t address,
                         role how) const noexcept
{
  const bool is_body = range.kind == code_kind::body;
  const bool is_end =
      is_body && HP_COUNTERMEASURE(last_calls) && address == range.limit - 1;
  if (is_end && !ends_in_call(range.begin, address, *memory_))
    return false;
  if (how == role::instruction_pointer)
    return true;
  if (range.kind == code_kind::pad && HP_COUNTERMEASURE(pads_by_position))
    return false;
  if (is_body)
    return how == role::value && address != range.begin;
  return !only_returns_ || ends_in_call(range.begin, address, *memory_);
}

}  // namespace hotpatch
