// An object file's functions, each with its form or the reason against it.
//
// Reads the symbol tables, .dynsym, .symtab or that of the separate debug file,
// and the records of sites; decodes the code once, and plans a function's entry
// when it is asked for.  Used by one thread at a time; the bytes of the file
// must outlive it.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_UNPREPARED_OBJECT_H
#define HOTPATCH_UNPREPARED_OBJECT_H

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/base/array.h"
#include "runtime/elf/elf_file.h"
#include "runtime/unprepared/interface.h"
#include "unprepared/code_map.h"
#include "unprepared/entry_plan.h"
#include "unprepared/made_sites.h"

namespace hotpatch {

struct unprepared_object {
 public:
  // HP_UNREADABLE, HP_MALFORMED, HP_UNSUPPORTED, HP_NO_MEMORY.
  [[nodiscard]] hp_status load(const char* label, const void* bytes,
                               std::size_t size) noexcept;

  [[nodiscard]] std::size_t count() const noexcept { return functions_.size(); }
  void describe(std::size_t index, unprepared_function& into) const noexcept;
  // Null after the last.
  [[nodiscard]] const char* other_name(std::size_t index,
                                       std::size_t number) const noexcept;
  // SIZE_MAX: none begins there.
  [[nodiscard]] std::size_t at(std::uint64_t address) const noexcept;

  [[nodiscard]] const unprepared::code_map& code() const noexcept
  {
    return code_;
  }

 private:
  struct name_entry {
    std::uint64_t address;
    std::uint64_t size;
    const char* name;
    const char* file;
    bool is_global;
    bool is_ifunc;
    bool lacks_version;  // others are meant by this name alone
  };
  struct function_entry {
    std::size_t first_name;  // the one it is called by
    std::size_t names;
  };

  [[nodiscard]] hp_status read_names() noexcept;
  [[nodiscard]] hp_status read_records() noexcept;
  [[nodiscard]] bool group_names() noexcept;
  entry_refusal refusal_of(const function_entry& function) const noexcept;
  const char* name_at(std::uint64_t address) const noexcept;

  elf_file file_;
  unprepared::code_map code_;
  array<name_entry> names_;  // by address, the best one first
  array<function_entry> functions_;
  array<std::uint64_t> addresses_;  // of functions_
  array<std::uint64_t> sites_;      // symbols with a record, sorted
  array<unprepared::made_site> made_;
};

}  // namespace hotpatch

#endif
