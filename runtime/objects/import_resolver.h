// Finds in the program what a patch object uses of it.
//
// Pure: from images and import records to addresses; nothing is changed, and
// the process may be another one.  Owns the rules of which symbol a name means.
// "FILE:NAME" means what that source file defines and nothing else, exported or
// static.  A NAME alone means what other files see before what is static, and
// always the program's before that of its shared objects.  Of the versions of a
// symbol it means the default.  Where several are left, none is taken, and all
// are listed by names which each mean one of them.
//
// Any thread, each with its own objects.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_IMPORT_RESOLVER_H
#define HOTPATCH_RUNTIME_IMPORT_RESOLVER_H

#include <cstdint>
#include <span>

#include "runtime/base/array.h"
#include "runtime/objects/check_report.h"
#include "runtime/objects/patch_reader.h"
#include "runtime/objects/program_image.h"

namespace hotpatch {

struct import_value {
  const char* symbol = "";  // of the patch object's .dynsym
  // Of the process; of a thread-local variable the offset in its image's block.
  std::uint64_t value = 0;
  const program_image* image = nullptr;
  bool thread_local_ = false;
  // An ifunc: `value` is 0, and the address of the process where the dynamic
  // linker keeps the function that the program's resolver has chosen; 0: the
  // program has no such place, and only the dynamic linker can fill the import.
  bool is_ifunc = false;
  std::uint64_t chosen_at = 0;
  // The dynamic linker's own choice counts, if it makes one.
  bool only_if_unresolved = false;
  // The object defines it, too, at this address of its file, and the program's
  // counts where the dynamic linker has chosen the object's; 0: it does not.
  std::uint64_t own = 0;
  // The file that it is static in, if the import names no file and the compiler
  // may have left out another file's that is meant; "": no doubt.
  const char* unnamed_file = "";
  // Of the type of a variable whose type has no name; 0: it has, or it is not
  // known.
  std::uint64_t layout_hash = 0;
};

// Appends a value for each import.  `label` stands for the patch object in
// messages.  What is missing, ambiguous, of another kind or type, or perhaps
// specialised by the compiler goes to `report`.  Else HP_NO_MEMORY,
// HP_MALFORMED.
[[nodiscard]] hp_status resolve_imports(const char* label,
                                        std::span<const patch_import> imports,
                                        std::span<program_image> images,
                                        array<import_value>& into,
                                        check_report& report) noexcept;

}  // namespace hotpatch

#endif
