// Turns the bytes of a .hotpatch section into sites.
//
// Owns the invariant that a site exists only for a sound record: every string
// ends inside readable memory, every address lies in executable memory, and the
// patch word is aligned and belongs to its function.  The bytes are taken for
// hostile.  Reading one record allocates nothing and looks at no other record,
// so a single one can be checked when it is needed; what concerns the section
// as a whole is in survey_records().
//
// A reader is used by one thread at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_RECORD_READER_H
#define HOTPATCH_RUNTIME_RECORD_READER_H

#include <cstddef>
#include <cstdint>

#include "runtime/elf/memory_view.h"
#include "runtime/include/hotpatch.h"
#include "runtime/sites/site.h"

namespace hotpatch {

// A .hotpatch section within a view's addresses.
struct record_section {
  std::uint64_t address = 0;
  std::uint64_t size = 0;
};

// Why a record was refused, for a message such as
//   record 17 (offset 0x440): word: is not a multiple of 8
struct record_fault {
  std::uint64_t record = 0;  // its number, counted from 0
  std::uint64_t offset = 0;  // in the section
  const char* field = "";    // as in format::record, "section" for the whole
  const char* reason = "";   // a phrase that follows the field's name
};

enum class read_result : std::uint8_t {
  site,   // a sound record
  end,    // after the last record
  fault,  // the record is damaged; there is no way to the next one
};

class record_reader {
 public:
  record_reader(memory_view view, record_section section) noexcept;

  // Reads the record at `offset`, 0 for the first, and moves `offset` past
  // it.  An offset stays valid for reading the same record again.
  [[nodiscard]] read_result read(std::uint64_t& offset, site& into,
                                 record_fault& fault) noexcept;

  [[nodiscard]] record_section section() const noexcept { return section_; }

  // More records than this there cannot be, whatever the section claims.
  [[nodiscard]] std::size_t record_limit() const noexcept
  {
    return home_ ? section_.size / sizeof(format::record) : 0;
  }

 private:
  [[nodiscard]] read_result read_sound(std::uint64_t& offset, site& into,
                                       record_fault& fault) noexcept;
  [[nodiscard]] const memory_range* range_of(std::uint64_t address) noexcept;
  [[nodiscard]] bool read_text(std::uint64_t field, std::int32_t distance,
                               const char*& into) noexcept;
  [[nodiscard]] bool read_code(std::uint64_t record_address,
                               const format::record& record, site& into,
                               record_fault& fault) noexcept;
  [[nodiscard]] bool read_names(std::uint64_t record_address,
                                const format::record& record, site& into,
                                record_fault& fault) noexcept;

  memory_view view_;
  record_section section_;
  const memory_range* home_ = nullptr;    // where the section lies
  const memory_range* recent_ = nullptr;  // where the last address lay
  view_texts texts_;
};

// A .hotpatch section as a whole: are all its records sound, how many are
// there, and does none claim the bytes of another?
//
// A section that passes may be searched; one that does not is refused entirely,
// because a damaged record leaves no reason to believe its neighbours.  Any
// thread may call this with a reader of its own.
struct record_survey {
  std::size_t sites = 0;    // records that are sites of their own
  std::size_t aliases = 0;  // records that only give a site a further name
  bool ascending = true;    // sorted by address, as linkers leave them
};

// Sees every sound record and its offset during the survey; false: no memory.
using record_visitor = bool (*)(const site& sound, std::uint64_t offset,
                                void* data);

// HP_OK, HP_MALFORMED with `fault` filled in, or HP_NO_MEMORY.  Memory is
// needed only when the records are not in order.  `visit` may be null; what it
// was shown must be forgotten when the survey fails.
[[nodiscard]] hp_status survey_records(record_reader& reader,
                                       record_survey& into, record_fault& fault,
                                       record_visitor visit = nullptr,
                                       void* data = nullptr) noexcept;

}  // namespace hotpatch

#endif
