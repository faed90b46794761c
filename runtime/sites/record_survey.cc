// One pass over all records, and the search for two that overlap.
// SPDX-License-Identifier: MIT
#include "runtime/sites/record_survey.h"

#include <algorithm>

#include "runtime/base/array.h"

namespace hotpatch {

namespace {

// The bytes a site may have overwritten or run through: pre-pad to end.
struct extent {
  std::uint64_t begin;
  std::uint64_t word;
  std::uint64_t end;
  std::uint64_t offset;
  std::uint64_t record;
};

hp_status overlap(const extent& lower, const extent& upper,
                  record_fault& fault) noexcept
{
  fault.offset = upper.offset;
  fault.record = upper.record;
  if (upper.word == lower.word) {
    fault.field = "word";
    fault.reason = "belongs to another record too";
  } else {
    fault.field = "pad";
    fault.reason = "lies in the body of another site";
  }
  return HP_MALFORMED;
}

// The same as the pass below for records in any order.
hp_status compare_sorted(record_reader& reader, std::size_t sites,
                         record_fault& fault) noexcept
{
  array<extent> extents;
  if (!extents.reserve(sites))
    return HP_NO_MEMORY;
  site current;
  std::uint64_t offset = 0;
  for (std::uint64_t record = 0;; ++record) {
    const std::uint64_t here = offset;
    if (reader.read(offset, current, fault) != read_result::site)
      break;
    if (current.flags & format::site_alias)
      continue;
    if (!extents.append({current.symbol - current.pad, current.word,
                         current.end, here, record}))
      return HP_NO_MEMORY;
  }
  std::sort(extents.begin(), extents.end(),
            [](const extent& a, const extent& b) { return a.word < b.word; });
  for (std::size_t i = 1; i < extents.size(); ++i) {
    if (extents[i].begin < extents[i - 1].end)
      return overlap(extents[i - 1], extents[i], fault);
  }
  return HP_OK;
}

}  // namespace

hp_status survey_records(record_reader& reader, record_survey& into,
                         record_fault& fault, record_visitor visit,
                         void* data) noexcept
{
  into = {};
  site current;
  extent previous = {};
  std::uint64_t offset = 0;
  for (std::uint64_t record = 0;; ++record) {
    const std::uint64_t here = offset;
    const read_result result = reader.read(offset, current, fault);
    if (result == read_result::fault) {
      fault.record = record;
      return HP_MALFORMED;
    }
    if (result == read_result::end)
      break;
    if (visit && !visit(current, here, data))
      return HP_NO_MEMORY;
    if (current.flags & format::site_alias) {
      ++into.aliases;
      continue;
    }
    const extent site_extent = {current.symbol - current.pad, current.word,
                                current.end, here, record};
    if (into.sites++ > 0 && site_extent.begin < previous.end) {
      if (site_extent.word >= previous.word)
        return overlap(previous, site_extent, fault);
      into.ascending = false;
    }
    previous = site_extent;
  }
  return into.ascending ? HP_OK : compare_sorted(reader, into.sites, fault);
}

}  // namespace hotpatch
