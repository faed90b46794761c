// Addresses for the sections of an object file, and the relocations of its
// .hotpatch sections.
//
// Owns the invariant that no relocation reads or writes outside its section or
// the symbol table.  Used by elf_image only; failures leave their words in
// hp_error_message().
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_ELF_RELOCATE_H
#define HOTPATCH_RUNTIME_ELF_RELOCATE_H

#include "runtime/base/array.h"
#include "runtime/elf/elf_file.h"

namespace hotpatch {

// The sections that will be loaded, one behind the other and aligned as they
// ask to be.
class object_layout {
 public:
  // HP_MALFORMED, HP_NO_MEMORY.
  [[nodiscard]] hp_status assign(elf_file& file) noexcept;

  [[nodiscard]] bool has(std::size_t section) const noexcept
  {
    return section < addresses_.size() && addresses_[section] != 0;
  }
  [[nodiscard]] std::uint64_t address(std::size_t section) const noexcept
  {
    return addresses_[section];
  }

  // The table of section indices that do not fit in a symbol (there are more
  // than 65279 sections), size 0 if there is none.
  [[nodiscard]] const elf_section& wide_indices() const noexcept
  {
    return wide_indices_;
  }

 private:
  array<std::uint64_t> addresses_;  // by section index, 0: not loaded
  elf_section wide_indices_;
};

// Applies the relocations in `table` to `copy`, the contents of `section`.
// HP_MALFORMED.
[[nodiscard]] hp_status relocate_section(elf_file& file,
                                         const object_layout& layout,
                                         const elf_section& table,
                                         const elf_section& section,
                                         unsigned char* copy) noexcept;

}  // namespace hotpatch

#endif
