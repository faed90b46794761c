// An open-addressing hash table over the names of a section.
// SPDX-License-Identifier: MIT
#include "runtime/sites/name_index.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "runtime/sites/name_query.h"

namespace hotpatch {

namespace {

constexpr std::uint64_t unit = alignof(format::record);

// Eight bytes at a time, mixed by multiplication; it need not be stable.
std::uint32_t hash_of(const char* name, std::size_t length) noexcept
{
  constexpr std::uint64_t factor = 0x9e3779b97f4a7c15u;
  std::uint64_t hash = length * factor;
  for (; length >= 8; length -= 8, name += 8) {
    std::uint64_t chunk;
    std::memcpy(&chunk, name, sizeof chunk);
    hash = (std::rotl(hash, 23) ^ chunk) * factor;
  }
  std::uint64_t tail = 0;
  std::memcpy(&tail, name, length);
  hash = (std::rotl(hash, 23) ^ tail) * factor;
  // What differs only in the last bytes has reached only the highest bits.
  hash = (hash ^ hash >> 32) * factor;
  return static_cast<std::uint32_t>(hash >> 32);
}

}  // namespace

hp_status name_index::build(record_reader& reader, record_fault& fault) noexcept
{
  const std::size_t records = reader.record_limit();
  // What an attempt that ran out of memory has left.
  records_.clear();
  by_address_.clear();
  slots_.clear();
  added_ = 0;
  if (records > UINT32_MAX / (sizeof(format::record) / unit) ||
      !by_address_.reserve(records) || !records_.reserve(records) ||
      !slots_.resize(std::bit_ceil(records + records / 4 + 1)))
    return HP_NO_MEMORY;
  record_survey survey;
  const hp_status status = survey_records(
      reader, survey, fault,
      [](const site& sound, std::uint64_t offset, void* data) {
        return static_cast<name_index*>(data)->add(sound, offset);
      },
      this);
  if (status != HP_OK)
    return status;
  if (!add_rest())
    return HP_NO_MEMORY;
  if (!survey.ascending)
    sort_by_address(reader);
  return HP_OK;
}

// Names hash to anywhere in the table, so a slot is asked of memory some
// records before it is needed.
bool name_index::add(const site& sound, std::uint64_t offset) noexcept
{
  const auto here = static_cast<short_offset>(offset / unit);
  const std::uint32_t hash = hash_of(sound.name, std::strlen(sound.name));
  __builtin_prefetch(&slots_[hash & (slots_.size() - 1)], 1);
  awaited_record& waiting = awaited_[added_ % awaited];
  if (added_++ >= awaited && !insert(waiting))
    return false;
  waiting = {hash, here, std::strpbrk(sound.name, query_marks) != nullptr};
  return (sound.flags & format::site_alias) || by_address_.append(here);
}

// Those that still wait for their slots.
bool name_index::add_rest() noexcept
{
  const std::size_t end = added_;
  for (std::size_t i = end - std::min(end, awaited); i < end; i++)
    if (!insert(awaited_[i % awaited]))
      return false;
  return true;
}

bool name_index::insert(const awaited_record& record) noexcept
{
  slot& home = slots_[slot_of(record.hash)];
  // build() has seen to it that numbers have fewer than 31 bits.
  if (!records_.append(
          {record.offset, home.first & INT32_MAX, record.searched}))
    return false;
  if (home.first != 0)
    records_[home.first - 1].searched = 1;
  home.hash = record.hash;
  home.first = static_cast<std::uint32_t>(records_.size());
  return true;
}

// Where the hash is in the table, or the free slot where it belongs.
std::size_t name_index::slot_of(std::uint32_t hash) const noexcept
{
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = hash & mask;
  while (slots_[at].first != 0 && slots_[at].hash != hash)
    at = (at + 1) & mask;
  return at;
}

void name_index::sort_by_address(record_reader& reader) noexcept
{
  std::sort(by_address_.begin(), by_address_.end(),
            [&reader](short_offset a, short_offset b) {
              site left;
              site right;
              return read_at(reader, a, left) && read_at(reader, b, right) &&
                     left.symbol < right.symbol;
            });
}

bool name_index::next_named(record_reader& reader, const char* name,
                            std::size_t length, std::uint32_t& cursor,
                            site& into) const noexcept
{
  if (slots_.empty())
    return false;
  std::uint32_t at = cursor == 0 ? slots_[slot_of(hash_of(name, length))].first
                                 : records_[cursor - 1].next;
  for (; at != 0; at = records_[at - 1].next) {
    if (read_at(reader, records_[at - 1].offset, into) &&
        std::strncmp(into.name, name, length) == 0 &&
        into.name[length] == '\0') {
      cursor = at;
      return true;
    }
  }
  return false;
}

bool name_index::follows(record_reader& reader, const char* name,
                         std::uint32_t& cursor, site& into) const noexcept
{
  // Numbers count from 0, cursors from 1.
  if (cursor >= records_.size() || records_[cursor].next != 0 ||
      records_[cursor].searched != 0 ||
      !read_at(reader, records_[cursor].offset, into) ||
      std::strcmp(into.name, name) != 0)
    return false;
  ++cursor;
  return true;
}

bool name_index::site_at(record_reader& reader, std::size_t position,
                         site& into) const noexcept
{
  return position < by_address_.size() &&
         read_at(reader, by_address_[position], into);
}

bool name_index::record_at(record_reader& reader, std::size_t number,
                           site& into) const noexcept
{
  return number < records_.size() &&
         read_at(reader, records_[number].offset, into);
}

bool name_index::find_symbol(record_reader& reader, std::uint64_t address,
                             site& into) const noexcept
{
  const short_offset* found = std::lower_bound(
      by_address_.begin(), by_address_.end(), address,
      [&](short_offset offset, std::uint64_t wanted) {
        return read_at(reader, offset, into) && into.symbol < wanted;
      });
  return found != by_address_.end() && read_at(reader, *found, into) &&
         into.symbol == address;
}

bool name_index::read_at(record_reader& reader, short_offset offset,
                         site& into) noexcept
{
  std::uint64_t at = offset * unit;
  record_fault fault;
  return reader.read(at, into, fault) == read_result::site;
}

}  // namespace hotpatch
