// What must hold for every site that a reader lets through, whatever the bytes
// were: used by the fuzz targets, which abort if it does not.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TESTSUITE_CHECK_SITES_H
#define HOTPATCH_TESTSUITE_CHECK_SITES_H

#include <cstdlib>
#include <cstring>

#include "runtime/sites/name_demangle.h"
#include "runtime/sites/name_index.h"
#include "runtime/sites/name_query.h"

namespace hotpatch_test {

inline void require(bool holds)
{
  if (!holds)
    std::abort();
}

// Touches every byte that a user of the site would touch.
inline void check_site(const hotpatch::site& found,
                       const hotpatch::memory_view& view)
{
  char text[256];
  require(found.name[0] != '\0');
  require(std::strlen(found.name) + std::strlen(found.file) +
              std::strlen(found.prototype) >
          0);
  hotpatch::demangle(found.name, hotpatch::name_form::full, text, sizeof text);

  const hotpatch::memory_range* code = view.find(found.word);
  require(code && code->executable);
  require(found.word % 8 == 0);
  require(code->contains(found.symbol - found.pad));
  require(found.symbol <= found.word && found.word + 8 <= found.end);
  require(found.end - code->address <= code->size);
}

// Surveys, indexes and searches a section.
inline void check_section(const hotpatch::memory_view& view,
                          hotpatch::record_section section)
{
  hotpatch::record_reader reader(view, section);
  hotpatch::name_index index;
  hotpatch::record_fault fault;
  if (index.build(reader, fault) != HP_OK) {
    require(fault.field[0] != '\0' && fault.reason[0] != '\0');
    return;
  }
  hotpatch::site found;
  for (std::size_t i = 0; index.record_at(reader, i, found); ++i) {
    check_site(found, view);
    const std::size_t length = std::strlen(found.name);
    std::uint32_t cursor = 0;
    hotpatch::site again;
    require(index.next_named(reader, found.name, length, cursor, again));
    hotpatch::name_query query({found.name, length});
    (void)query.means(again);
  }
  for (std::size_t i = 0; i < index.site_count(); ++i) {
    hotpatch::site again;
    require(index.site_at(reader, i, found));
    require(index.find_symbol(reader, found.symbol, again));
    require(again.word == found.word);
  }
}

}  // namespace hotpatch_test

#endif
