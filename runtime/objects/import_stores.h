// What must be stored where, so that a loaded patch object uses the program's
// own variables and functions, and its own functions where it defines them.
//
// Pure: reads the object's relocations, and the slots that the dynamic linker
// has filled through a function of the caller, who also carries the stores out;
// the process may be another one.  Owns the rule that a slot counts as
// unresolved if the dynamic linker has left it as it does for a weak symbol
// that nothing defines; and the rule that what the object defines itself it
// also calls, whatever the dynamic linker has found first.
//
// Any thread, each with its own objects.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_IMPORT_STORES_H
#define HOTPATCH_RUNTIME_IMPORT_STORES_H

#include <cstdint>
#include <span>

#include "runtime/base/array.h"
#include "runtime/objects/import_resolver.h"

namespace hotpatch {

// Eight bytes at an address of the process, in data.
struct import_store {
  std::uint64_t address = 0;
  std::uint64_t value = 0;
};

// Reads eight bytes of the process; false: cannot.
struct slot_reader {
  bool (*read)(std::uint64_t address, std::uint64_t& value, void* data);
  void* data;
};

// `base` is where `patch` is loaded.  HP_MALFORMED, HP_UNSUPPORTED for a
// relocation that cannot be filled in afterwards, HP_UNREADABLE, HP_NO_MEMORY.
[[nodiscard]] hp_status plan_import_stores(elf_file& patch, std::uint64_t base,
                                           std::span<const import_value> values,
                                           slot_reader slots,
                                           array<import_store>& into) noexcept;

}  // namespace hotpatch

#endif
