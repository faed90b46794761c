// Sorting ranges of code, and looking addresses up in them.
// SPDX-License-Identifier: MIT
#include "runtime/threads/code_ranges.h"

#include <algorithm>
#include <cstring>

#include "format/patch_word.h"
#include "runtime/base/status.h"

namespace hotpatch {

namespace {

// The length of "ff /2", call r/m64, by its second and third byte: Intel SDM
// volume 2, 2.1.5, tables 2-2 and 2-3.  0: another instruction.
std::ptrdiff_t indirect_call_length(unsigned char modrm, unsigned char sib)
{
  if ((modrm & 0x38) != 0x10)
    return 0;
  const int mod = modrm >> 6;
  const int rm = modrm & 7;
  if (mod == 3)
    return 2;
  const bool has_sib = rm == 4;
  const int base = has_sib ? sib & 7 : rm;
  const int displacement = mod == 1 ? 1 : mod == 2 || base == 5 ? 4 : 0;
  return 2 + has_sib + displacement;
}

// Whether the bytes before `end` can be a call, after which `end` is a return
// address although the function ends there: a call to a noreturn function.
bool may_end_in_call(const unsigned char* begin, const unsigned char* end)
{
  const std::ptrdiff_t size = end - begin;
  if (size >= 5 && end[-5] == 0xe8)  // call rel32
    return true;
  for (std::ptrdiff_t length = 2; length <= 7 && length <= size; ++length)
    if (end[-length] == 0xff &&
        indirect_call_length(end[1 - length],
                             length > 2 ? end[2 - length] : 0) == length)
      return true;
  return false;
}

}  // namespace

code_range body_of(const site_code& site) noexcept
{
  return {site.word + format::word_size, site.end, site.name, code_kind::body};
}

code_range pre_pad_of(const site_code& site) noexcept
{
  return {site.symbol - site.pad, site.symbol, site.name, code_kind::whole};
}

hp_status code_ranges::prepare(std::span<const code_range> ranges) noexcept
{
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
    const bool returns_to_end =
        body &&
        may_end_in_call(reinterpret_cast<const unsigned char*>(each.begin),
                        reinterpret_cast<const unsigned char*>(each.end));
    const std::uint64_t limit = each.end + (returns_to_end ? 1 : 0);
    if (!entries_.append({each.begin, limit, 0, i, body}))
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
  if (how == role::instruction_pointer)
    return true;
  if (range.body)
    return how == role::value && address != range.begin;
  return !only_returns_ ||
         may_end_in_call(reinterpret_cast<const unsigned char*>(range.begin),
                         reinterpret_cast<const unsigned char*>(address));
}

}  // namespace hotpatch
