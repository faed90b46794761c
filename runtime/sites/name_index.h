// The records of one section by assembler name and by address.
//
// Owns the invariant that everything in the index passed the survey of its
// section.  Costs about 26 bytes a record; knows records
// by their 32-bit offset, so the strings stay where they are.  Used under the
// library's lock.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_NAME_INDEX_H
#define HOTPATCH_RUNTIME_NAME_INDEX_H

#include "runtime/base/array.h"
#include "runtime/sites/record_reader.h"

namespace hotpatch {

class name_index {
 public:
  // HP_OK, HP_MALFORMED with `fault` filled in, HP_NO_MEMORY.  Once only; an
  // index that was not built must not be searched.
  [[nodiscard]] hp_status build(record_reader& reader,
                                record_fault& fault) noexcept;

  // Goes through the records of that name: false after the last.  Begin with
  // a cursor of 0.
  [[nodiscard]] bool next_named(record_reader& reader, const char* name,
                                std::size_t length, std::uint32_t& cursor,
                                site& into) const noexcept;

  // Whether the record after that at `cursor` has this name, which is no query
  // of another kind, and no other record has it; moves the cursor there.
  // Without a search.
  [[nodiscard]] bool follows(record_reader& reader, const char* name,
                             std::uint32_t& cursor, site& into) const noexcept;

  // How many sites there are, not counting further names of one.
  [[nodiscard]] std::size_t site_count() const noexcept
  {
    return by_address_.size();
  }

  // Sites by ascending address.
  [[nodiscard]] bool site_at(record_reader& reader, std::size_t position,
                             site& into) const noexcept;

  // The site whose symbol is `address`.
  [[nodiscard]] bool find_symbol(record_reader& reader, std::uint64_t address,
                                 site& into) const noexcept;

  // All records, further names included, in the section's order.
  [[nodiscard]] std::size_t record_count() const noexcept
  {
    return records_.size();
  }
  [[nodiscard]] bool record_at(record_reader& reader, std::size_t number,
                               site& into) const noexcept;

 private:
  using short_offset = std::uint32_t;  // in units of a record's alignment

  struct indexed_record {
    short_offset offset;
    std::uint32_t next : 31;  // number + 1 of the next record of the same hash
    // Its name says too little: another record before it has the same hash,
    // or it would be taken for a query of another kind.
    std::uint32_t searched : 1;
  };
  struct slot {
    std::uint32_t hash;
    std::uint32_t first;  // number + 1 of a record, 0: the slot is free
  };

  // A record on its way into the table.
  struct awaited_record {
    std::uint32_t hash;
    short_offset offset;
    bool searched;
  };
  static constexpr std::size_t awaited = 16;

  [[nodiscard]] bool add(const site& sound, std::uint64_t offset) noexcept;
  [[nodiscard]] bool add_rest() noexcept;
  [[nodiscard]] bool insert(const awaited_record& record) noexcept;
  [[nodiscard]] static bool read_at(record_reader& reader, short_offset offset,
                                    site& into) noexcept;
  [[nodiscard]] std::size_t slot_of(std::uint32_t hash) const noexcept;
  void sort_by_address(record_reader& reader) noexcept;

  array<short_offset> by_address_;
  array<indexed_record> records_;
  array<slot> slots_;  // a power of two of them, some always free
  awaited_record awaited_[awaited] = {};
  std::size_t added_ = 0;
};

}  // namespace hotpatch

#endif
