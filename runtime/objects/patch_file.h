// The file of a patch object, read whole: what it says, and its tables.
//
// Owns a copy of the file's bytes, so that what was checked cannot change while
// it is used, and the invariant that the contents are sound.  One object is
// used by one thread at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_PATCH_FILE_H
#define HOTPATCH_RUNTIME_PATCH_FILE_H

#include <cstddef>
#include <span>

#include "runtime/base/array.h"
#include "runtime/elf/elf_file.h"
#include "runtime/objects/patch_reader.h"
#include "runtime/objects/type_catalogue.h"
#include "runtime/sites/elf_image.h"

namespace hotpatch {

class patch_file {
 public:
  // The longest file that is read.
  static constexpr std::size_t most_bytes = std::size_t{256} << 20;

  // `path` stands in messages and names a patch that has no name.
  // HP_UNREADABLE, also if it is no patch object; HP_MALFORMED, HP_NO_MEMORY.
  [[nodiscard]] hp_status open(const char* path) noexcept;
  // The same of an open file, which is read from its beginning whatever its
  // offset is, and stays the caller's.
  [[nodiscard]] hp_status open(const char* path, int descriptor) noexcept;
  // The same of bytes, which are copied.
  [[nodiscard]] hp_status open(const char* path,
                               std::span<const unsigned char> bytes) noexcept;

  // The whole file.
  [[nodiscard]] std::span<const unsigned char> bytes() const noexcept
  {
    return {bytes_.data(), bytes_.size()};
  }

  [[nodiscard]] const patch_contents& contents() const noexcept
  {
    return contents_;
  }
  [[nodiscard]] const type_catalogue& types() const noexcept { return types_; }
  [[nodiscard]] elf_file& elf() noexcept { return elf_; }
  [[nodiscard]] const char* label() const noexcept { return elf_.label(); }

  // The stated name, or that of the file, less ".so".
  [[nodiscard]] const char* name() const noexcept { return name_.data(); }

  // The records, at the file's own addresses, and their bytes.
  [[nodiscard]] record_section records() const noexcept { return records_; }
  [[nodiscard]] const unsigned char* record_bytes() const noexcept;

  // What is loaded of it, at the file's own addresses.
  [[nodiscard]] memory_view view() const noexcept
  {
    return {ranges_.data(), ranges_.size()};
  }

  // Where the state is, at the file's own address.
  [[nodiscard]] std::uint64_t state() const noexcept { return state_; }

  // Its code, at the file's own addresses: from the first executable byte to
  // after the last.
  [[nodiscard]] memory_range code() const noexcept;

 private:
  [[nodiscard]] hp_status read(const char* path, int descriptor) noexcept;
  [[nodiscard]] hp_status understand(const char* path) noexcept;
  [[nodiscard]] hp_status find_sections() noexcept;
  [[nodiscard]] hp_status drop_unused_imports() noexcept;
  [[nodiscard]] hp_status set_name(const char* path) noexcept;

  array<unsigned char> bytes_;
  elf_file elf_;
  array<memory_range> ranges_;
  record_section records_;
  std::uint64_t state_ = 0;
  patch_contents contents_;
  type_catalogue types_;
  array<char> name_;
};

}  // namespace hotpatch

#endif
