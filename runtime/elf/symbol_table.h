// The symbols of an ELF file, one after the other.
//
// Owns the invariant that a symbol's name ends inside the table's strings.
// Refers to the file, which must stay open; used by one thread at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_SYMBOL_TABLE_H
#define HOTPATCH_RUNTIME_SYMBOL_TABLE_H

#include <cstdint>
#include <cstring>

#include <elf.h>

#include "runtime/base/array.h"
#include "runtime/elf/elf_file.h"

namespace hotpatch {

struct symbol {
  const char* name = "";
  const char* file = "";    // the source of a local one as the linker knows it
  std::uint64_t value = 0;  // the file's own address, or offset in its TLS
  std::uint64_t size = 0;   // 0: not known
  std::uint8_t type = STT_NOTYPE;
  std::uint8_t binding = STB_LOCAL;
  // False: only who asks for its version, as "area@V1", means it.
  bool is_default = true;
};

class symbol_table {
 public:
  enum class kind : std::uint8_t {
    // The full one, also that of a separate debug file, or else the dynamic
    // linker's.
    best,
    dynamic,  // the dynamic linker's
  };

  // HP_OK also for a file without symbols.  HP_MALFORMED.
  [[nodiscard]] hp_status load(elf_file& file,
                               kind wanted = kind::best) noexcept;

  // Calls `visit(const symbol&)`, which returns false to end it, for each one
  // that the file defines.
  template <typename Visit>
  void for_each(Visit visit) const noexcept
  {
    symbol current;
    const char* source = "";
    for (std::size_t i = 0; i < count_; ++i)
      if (read(i, current, source) && !visit(current))
        return;
  }

  // Calls `visit(name)` for each symbol that the file leaves undefined.
  template <typename Visit>
  void for_each_undefined(Visit visit) const noexcept
  {
    for (std::size_t i = 0; i < count_; ++i)
      if (const char* name = undefined(i))
        visit(name);
  }

 private:
  [[nodiscard]] hp_status load_own(elf_file& file, kind wanted) noexcept;
  bool read(std::size_t index, symbol& into,
            const char*& source) const noexcept;
  bool is_older_version(std::size_t index, const char* name) const noexcept;
  // Its name, null if it is defined or has none.
  const char* undefined(std::size_t index) const noexcept;

  const unsigned char* entries_ = nullptr;
  std::size_t count_ = 0;
  const unsigned char* versions_ = nullptr;  // of the dynamic linker's table
  const char* texts_ = nullptr;
  std::uint64_t texts_size_ = 0;
};

// The functions of an ELF file by address: names for addresses that no record
// speaks of, such as those of replacements.
//
// Owns its sorted table; the names lie in the file, which must stay open.
// Of several names for one function it prefers a global one.
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
