// A .hotpatch section as a whole: are all its records sound, how many are
// there, and does none claim the bytes of another?
//
// A section that passes may be searched; one that does not is refused entirely,
// because a damaged record leaves no reason to believe its neighbours.  Any
// thread may call this with a reader of its own.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_RECORD_SURVEY_H
#define HOTPATCH_RUNTIME_RECORD_SURVEY_H

#include "runtime/include/hotpatch.h"
#include "runtime/sites/record_reader.h"

namespace hotpatch {

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
