// An image of the program that a patch object is for, as the checks see it:
// in this process or in another one, loaded or only a file.
//
// A value without ownership; the file stays open while it is used.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_PROGRAM_IMAGE_H
#define HOTPATCH_RUNTIME_PROGRAM_IMAGE_H

#include <cstdint>

#include "runtime/elf/elf_file.h"
#include "runtime/elf/memory_view.h"
#include "runtime/sites/name_query.h"
#include "runtime/sites/name_text.h"
#include "runtime/sites/record_reader.h"
#include "runtime/sites/site.h"

namespace hotpatch {

struct program_image {
  const char* path = "";     // for people
  elf_file* file = nullptr;  // symbols, types, build-id; null: not to be had
  std::uint64_t base = 0;    // is added to the file's addresses
  // Where its sites are read, and what is to be added to what they say.
  memory_view view;
  record_section sites;  // size 0: it has none
  std::uint64_t sites_base = 0;
  // The loader's number of its thread-local storage, 0: none or not known.
  std::uint64_t tls_module = 0;
  // Why its sites cannot be read, "": they can, or it has none.
  const char* trouble = "";
  bool is_program = false;  // the executable, not a shared object
  bool is_patch = false;    // a patch object: nothing in it is replaced

  // Calls `visit(const site&)`, which returns false to end it, with addresses
  // of the process; a damaged record ends it, too.
  template <typename Visit>
  void for_each_site(Visit visit) const noexcept
  {
    if (sites.size == 0)
      return;
    record_reader reader(view, sites);
    record_fault fault;
    std::uint64_t offset = 0;
    site current;
    while (reader.read(offset, current, fault) == read_result::site) {
      current.symbol += sites_base;
      current.word += sites_base;
      current.end += sites_base;
      if (!visit(current))
        return;
    }
  }

  // The site at an address of the process.
  [[nodiscard]] bool find_site(std::uint64_t symbol, site& into) const noexcept
  {
    bool found = false;
    for_each_site([&](const site& each) {
      if (each.symbol == symbol && !(each.flags & format::site_alias)) {
        into = each;
        found = true;
      }
      return !found;
    });
    return found;
  }
};

// Whether the site has the name that is asked for.
inline bool is_meant(const name_query& query, const site& candidate) noexcept
{
  return query.accepts_file(candidate.file) &&
         (equal(query.name(), candidate.name) || query.means(candidate));
}

}  // namespace hotpatch

#endif
