// What hp-list shows: the sites of one image, with what was found out about
// them.
//
// A listing owns everything its rows point to: the strings of a row lie in the
// mapped file that `source` keeps, the demangled names in `arenas`.  Built by
// one thread, then read by several.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TOOLS_LISTING_H
#define HOTPATCH_TOOLS_LISTING_H

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/objects/copy_table.h"
#include "runtime/sites/site.h"
#include "runtime/text/encode.h"

namespace hotpatch::tools {

// What is in the patch word of a site of a running process.
struct live_state {
  word_form form = word_form::pristine;
  std::array<std::uint8_t, 8> bytes{};  // the patch word as read
  std::uint64_t target = 0;             // near and far: where calls go
  std::string target_symbol;            // empty if no symbol covers it
  std::uint64_t target_offset = 0;      // from target_symbol
  std::string target_image;             // path, empty: memory without a file
};

struct row {
  site where;
  std::string_view demangled;  // empty: the name is not mangled
  // Among those of the image with the same name and source file, by address, as
  // in NAME#2; 0: it is the only one.
  std::uint32_t number = 0;
  // Functions that copies of it were inlined into, if that is known.
  std::vector<copy_holder> copies;
};

// A further name of rows[row].
struct alias {
  std::size_t row = 0;
  const char* name = "";
  std::string_view demangled;
};

struct listing {
  std::string path;
  std::string member;            // of an archive, otherwise empty
  const char* type = "";         // "executable", "shared object", "object file"
  std::string build_id;          // hexadecimal, empty if there is none
  std::uint64_t bias = 0;        // live: added to the file's addresses
  std::vector<row> rows;         // by ascending address
  std::vector<alias> aliases;    // by ascending row
  bool copies_are_known = true;  // otherwise the file has lost what tells
  std::vector<live_state> live;  // one per row, or empty for a file
  std::shared_ptr<const void> source;
  std::deque<std::string> arenas;

  bool is_live() const { return !live.empty(); }
  std::string title() const
  {
    return member.empty() ? path : path + '(' + member + ')';
  }
};

// The further names of a row.
inline std::span<const alias> aliases_of(const listing& shown, std::size_t row)
{
  auto before = [](const alias& other, std::size_t number) {
    return other.row < number;
  };
  const auto& all = shown.aliases;
  auto first = std::lower_bound(all.begin(), all.end(), row, before);
  auto last = std::lower_bound(first, all.end(), row + 1, before);
  return {first, last};
}

// The record says that there may be copies.
inline bool may_have_copies(const row& one)
{
  return (one.where.flags & format::site_copied) != 0;
}

inline std::uint64_t size_of(const site& where)
{
  return where.end - where.symbol;
}

// Fills `demangled` of every row and alias whose name is mangled; what does
// not demangle stays empty.  The texts lie in listing.arenas.
void demangle_names(listing& shown);

}  // namespace hotpatch::tools

#endif
