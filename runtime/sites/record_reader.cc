// Records, and whole sections of them.
//
// SPDX-License-Identifier: MIT
#include "runtime/sites/record_reader.h"

#include <algorithm>
#include <cstring>

#include "format/patch_word.h"
#include "runtime/base/array.h"

namespace hotpatch {

namespace {

// Between symbol and word stand at most an endbr64, a call of the profiler's
// hook (-mfentry) and the NOPs that align the word.
constexpr std::uint64_t max_word_distance = 32;

// Out of the way of sound records, of which there may be a hundred thousand.
[[gnu::cold, gnu::noinline]] bool refuse(record_fault& fault, const char* field,
                                         const char* reason)
{
  fault.field = field;
  fault.reason = reason;
  return false;
}

// The target of a distance field.  Wraps around for nonsense, and what wraps
// around lies in no range.
std::uint64_t target(std::uint64_t record_address, std::size_t field,
                     format::offset32 distance)
{
  return record_address + field +
         static_cast<std::uint64_t>(std::int64_t{distance.value});
}

}  // namespace

record_reader::record_reader(memory_view view, record_section section) noexcept
    : view_(view), section_(section), texts_(view)
{
  home_ = view_.find(section.address);
  if (home_ && !home_->contains(section.address, section.size))
    home_ = nullptr;
}

inline const memory_range* record_reader::range_of(
    std::uint64_t address) noexcept
{
  if (!recent_ || !recent_->contains(address))
    recent_ = view_.find(address);
  return recent_;
}

inline bool record_reader::read_text(std::uint64_t field, std::int32_t distance,
                                     const char*& into) noexcept
{
  into = texts_.at_distance(field, distance);
  return into != nullptr;
}

read_result record_reader::read(std::uint64_t& offset, site& into,
                                record_fault& fault) noexcept
{
  if (offset == section_.size)
    return read_result::end;
  const read_result result = read_sound(offset, into, fault);
  if (result == read_result::fault) {
    fault.offset = offset;
    fault.record = offset / sizeof(format::record);
  }
  return result;
}

inline read_result record_reader::read_sound(std::uint64_t& offset, site& into,
                                             record_fault& fault) noexcept
{
  const auto fail = [&](const char* field, const char* reason) {
    refuse(fault, field, reason);
    return read_result::fault;
  };
  if (!home_)
    return fail("section", "does not lie in the image's memory");
  if (section_.address % alignof(format::record) != 0)
    return fail("section", "is not aligned to 4 bytes");
  if (offset > section_.size || offset % alignof(format::record) != 0)
    return fail("section", "has no record at this offset");
  const std::uint64_t left = section_.size - offset;
  if (left < sizeof(format::record))
    return fail("section", "ends in the middle of a record");

  const std::uint64_t address = section_.address + offset;
  format::record record;
  std::memcpy(&record, home_->at(address), sizeof record);
  if (record.version != format::record_version)
    return fail("version",
                "is unknown; use a hotpatch as new as the plugin "
                "that compiled this");
  // Later plugins may append fields: a longer record is read as far as it is
  // known.
  if (record.size < sizeof record || record.size % 4 != 0)
    return fail("size", "is too small or not a multiple of 4");
  if (record.size > left)
    return fail("size", "reaches beyond the section");
  if (record.kind != static_cast<std::uint8_t>(format::site_kind::nop8))
    return fail("kind",
                "is unknown; use a hotpatch as new as the plugin "
                "that compiled this");
  if (!read_code(address, record, into, fault) ||
      !read_names(address, record, into, fault))
    return read_result::fault;
  into.prototype_hash = format::joined(record.prototype_hash);
  into.layout_hash = format::joined(record.layout_hash);
  into.line = record.line;
  into.id = record.id;
  into.flags = record.flags;
  into.kind = format::site_kind{record.kind};
  offset += record.size;
  return read_result::site;
}

inline bool record_reader::read_code(std::uint64_t record_address,
                                     const format::record& record, site& into,
                                     record_fault& fault) noexcept
{
  if (record.symbol.value == 0)
    return refuse(fault, "symbol", "is missing");
  into.symbol =
      target(record_address, offsetof(format::record, symbol), record.symbol);
  const memory_range* code = range_of(into.symbol);
  if (!code || !code->executable)
    return refuse(fault, "symbol", "is not in executable memory");
  into.pad = record.pad;
  if (into.symbol - code->address < into.pad)
    return refuse(fault, "pad", "begins before the executable memory");

  if (record.word.value == 0)
    return refuse(fault, "word", "is missing");
  into.word =
      target(record_address, offsetof(format::record, word), record.word);
  if (into.word % format::word_size != 0)
    return refuse(fault, "word", "is not a multiple of 8");
  if (!code->contains(into.word, format::word_size))
    return refuse(fault, "word", "is not in executable memory");
  if (into.word < into.symbol)
    return refuse(fault, "word", "lies before the symbol");
  if (into.word - into.symbol > max_word_distance)
    return refuse(fault, "word", "is too far after the symbol");

  if (record.end.value == 0)
    return refuse(fault, "end", "is missing");
  into.end = target(record_address, offsetof(format::record, end), record.end);
  if (into.end < into.word + format::word_size)
    return refuse(fault, "end", "lies before the end of the patch word");
  if (into.end - code->address > code->size)
    return refuse(fault, "end", "is not in executable memory");
  return true;
}

inline bool record_reader::read_names(std::uint64_t record_address,
                                      const format::record& record, site& into,
                                      record_fault& fault) noexcept
{
  if (!read_text(record_address + offsetof(format::record, name),
                 record.name.value, into.name))
    return refuse(fault, "name", "is no string inside the image");
  if (into.name[0] == '\0')
    return refuse(fault, "name", "is empty");
  if (!read_text(record_address + offsetof(format::record, file),
                 record.file.value, into.file))
    return refuse(fault, "file", "is no string inside the image");
  if (!read_text(record_address + offsetof(format::record, prototype),
                 record.prototype.value, into.prototype))
    return refuse(fault, "prototype", "is no string inside the image");
  return true;
}

// One pass over all records, and the search for two that overlap.

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
