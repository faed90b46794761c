// The descriptions of types in an image's section .hotpatch.types, by hash and
// name, as format/README.md says.
//
// Owns the invariant that every text it hands out ends inside the section.
// Refers to the file, which must stay open.  The bytes are taken for hostile.
// Used by one thread at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_TYPE_CATALOGUE_H
#define HOTPATCH_RUNTIME_TYPE_CATALOGUE_H

#include <cstdint>
#include <string_view>

#include "runtime/base/array.h"
#include "runtime/elf/elf_file.h"

namespace hotpatch {

// A type, or what a prototype or variable leads to.
struct type_text {
  std::uint64_t hash = 0;
  std::string_view name;  // mangled; of a layout the type as written there
  std::string_view own;   // lines about the type itself, without "uses"
  std::string_view uses;  // the other lines
  bool is_layout = false;
};

class type_catalogue {
 public:
  // HP_OK also for a file without the section.  HP_MALFORMED, HP_NO_MEMORY.
  [[nodiscard]] hp_status load(elf_file& file) noexcept;

  // Null: there is no such.
  [[nodiscard]] const type_text* find_layout(std::uint64_t hash) const noexcept;

  // The first type of that name, and how many of them follow one another.
  [[nodiscard]] const type_text* find_type(std::string_view name,
                                           std::size_t& count) const noexcept;

  // All types that `from` leads to, itself left out.  False: no memory.
  [[nodiscard]] bool reach(const type_text& from,
                           array<const type_text*>& into) const noexcept;

 private:
  [[nodiscard]] const type_text* find_used(
      std::string_view line) const noexcept;

  array<type_text> texts_;  // sorted: layouts by hash, then types by name
};

// Takes the first line off; false: there is none.
[[nodiscard]] bool take_line(std::string_view& text,
                             std::string_view& line) noexcept;

// Takes the first word off a line.
[[nodiscard]] std::string_view take_word(std::string_view& line) noexcept;

}  // namespace hotpatch

#endif
