// The functions of an ELF file by address: names for addresses that no record
// speaks of, such as those of replacements.
//
// Owns its sorted table; the names lie in the file, which must stay open.
// Of several names for one function it prefers a global one.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_ELF_SYMBOLS_H
#define HOTPATCH_RUNTIME_ELF_SYMBOLS_H

#include "runtime/base/array.h"
#include "runtime/elf/elf_file.h"

namespace hotpatch {

struct function_symbol {
  const char* name = "";
  std::uint64_t address = 0;  // the file's own, as in its symbol table
  std::uint64_t size = 0;     // 0: not known
  bool global = false;        // seen by other objects
};

class elf_symbols {
 public:
  // HP_OK also for a file without symbols.  HP_MALFORMED, HP_NO_MEMORY.
  [[nodiscard]] hp_status load(elf_file& file) noexcept;

  // The function that contains the address, or null.  One without a size
  // reaches to the next.
  [[nodiscard]] const function_symbol* find(
      std::uint64_t address) const noexcept;

 private:
  array<function_symbol> functions_;
};

}  // namespace hotpatch

#endif
