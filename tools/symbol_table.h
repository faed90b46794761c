// The function symbols of one ELF file, found by address.
//
// Owns sorted copies of the table's entries; the names lie in the file, which
// it keeps open.  Hostile tables yield fewer symbols, never a wrong read.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TOOLS_SYMBOL_TABLE_H
#define HOTPATCH_TOOLS_SYMBOL_TABLE_H

#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/elf_file.h"

namespace hotpatch::tools {

class symbol_table {
 public:
  // From .symtab, or .dynsym in a stripped file.
  explicit symbol_table(std::shared_ptr<elf_file> file);

  struct symbol {
    std::uint64_t address = 0;
    std::uint64_t size = 0;
    const char* name = "";
    bool global = false;
  };

  // The function that contains the link-time `address`, or null.
  const symbol* find(std::uint64_t address) const;

 private:
  void load(std::uint32_t type);

  std::shared_ptr<elf_file> file_;
  std::vector<symbol> symbols_;
};

}  // namespace hotpatch::tools

#endif
