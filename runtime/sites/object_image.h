// The sites of object files, which have no addresses yet, and the members of
// archives.
//
// Owns the invariant that no relocation reads or writes outside its section or
// the symbol table.  Only hp-list reads such files: this is not a part of
// libhotpatch.  Failures leave their words in hp_error_message().
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_OBJECT_IMAGE_H
#define HOTPATCH_RUNTIME_OBJECT_IMAGE_H

#include "runtime/base/array.h"
#include "runtime/elf/elf_file.h"
#include "runtime/sites/elf_image.h"

namespace hotpatch {

// Any ELF file.  The sections of an object file that would be loaded lie one
// after the other, aligned as they ask to be.
class object_image : public elf_image {
 public:
  // As elf_image::load().
  [[nodiscard]] hp_status load(elf_file& file) noexcept;

 private:
  [[nodiscard]] hp_status load_object(elf_file& file) noexcept;

  array<unsigned char> copies_;  // the relocated records of an object file
};

// The objects in an archive (elf_file::is_archive), one after the other.
class archive_members {
 public:
  explicit archive_members(elf_file& archive) noexcept : archive_(archive) {}

  // Opens the next object into `member`, which must be closed before the
  // archive is.  HP_OK with `member` not open: there are no more.  Members that
  // are no ELF files are skipped.
  [[nodiscard]] hp_status next(elf_file& member) noexcept;

 private:
  elf_file& archive_;
};

}  // namespace hotpatch

#endif
