// Entries that another compiler option has prepared: no-ops whose places a
// section of the file lists, so that what may be overwritten need not be found
// out.
//
//   __patchable_function_entries   gcc and clang, -fpatchable-function-entry:
//                                  an address for each function
//   xray_instr_map                 clang, -fxray-instrument: 32 bytes for each
//                                  place (LLVM's XRayRecords.h)
//   __mcount_loc                   gcc, -pg -mfentry -mrecord-mcount: an
//   address
//                                  for each function
//
// The bytes are looked at all the same: only what consists of no-ops is a site.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_UNPREPARED_MADE_SITES_H
#define HOTPATCH_UNPREPARED_MADE_SITES_H

#include <cstdint>

#include "runtime/base/array.h"
#include "runtime/elf/elf_file.h"
#include "runtime/elf/memory_view.h"
#include "runtime/unprepared/interface.h"
#include "unprepared/code_map.h"

namespace hotpatch::unprepared {

struct made_site {
  std::uint64_t address;  // of the first no-op
  site_maker maker;
};

// Sorted by address.  False: no memory.
[[nodiscard]] bool read_made_sites(elf_file& file, memory_view view,
                                   array<made_site>& into) noexcept;

// The site that prepares the function at `begin`: null if there is none, or if
// its bytes are no no-ops.  `at` is where they begin.
[[nodiscard]] const made_site* find_made_site(const array<made_site>& sites,
                                              const code_map& code,
                                              std::uint64_t begin,
                                              std::uint64_t& at) noexcept;

}  // namespace hotpatch::unprepared

#endif
