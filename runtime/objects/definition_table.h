// Which source file a symbol of an image was defined in: the image's section
// .debug.hotpatch, as format/definition.h says.
//
// Owns the invariant that every text it hands out ends inside the section.
// Refers to the file, which must stay open.  The bytes are taken for hostile.
// Used by one thread at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_DEFINITION_TABLE_H
#define HOTPATCH_RUNTIME_DEFINITION_TABLE_H

#include <cstdint>

#include "format/definition.h"
#include "runtime/base/array.h"
#include "runtime/elf/elf_file.h"
#include "runtime/elf/symbol_table.h"

namespace hotpatch {

struct definition {
  std::uint64_t address = 0;  // the file's own, or the offset in its TLS
  const char* name = "";      // assembler name
  const char* file = "";      // source file, as the compiler was told
  std::uint64_t layout_hash = 0;
  std::uint32_t flags = 0;  // format::definition_flag
  std::uint32_t line = 0;
};

class definition_table {
 public:
  // HP_OK also for a file without the section, and for one whose section is
  // compressed: nothing is found then.  HP_MALFORMED, HP_NO_MEMORY.
  [[nodiscard]] hp_status load(elf_file& file) noexcept;

  // What is defined there; null: nothing is known.
  [[nodiscard]] const definition* find(const symbol& which) const noexcept;

 private:
  array<definition> entries_;  // sorted by kind and address
};

}  // namespace hotpatch

#endif
