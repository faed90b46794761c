// The addresses and bytes of an ELF file as if it were loaded, and where in
// them its .hotpatch sections lie.
//
// Executables and shared objects have the addresses the linker gave them.  An
// object file has none, so its sections are laid out one after the other and
// its records are relocated, in a copy.  Owns that copy; refers to the file's
// bytes, so the file must stay open (with access mapped).
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_ELF_IMAGE_H
#define HOTPATCH_RUNTIME_ELF_IMAGE_H

#include "runtime/base/array.h"
#include "runtime/elf/elf_file.h"
#include "runtime/elf/memory_view.h"
#include "runtime/sites/record_reader.h"

namespace hotpatch {

// The loadable segments of an executable or shared object, sorted.  Refers to
// the file's bytes.  HP_MALFORMED, HP_NO_MEMORY.
[[nodiscard]] hp_status lay_out_segments(elf_file& file,
                                         array<memory_range>& into) noexcept;

class elf_image {
 public:
  // HP_OK also for a file without the section: section_count() is 0 then.
  // HP_MALFORMED, HP_NO_MEMORY.
  [[nodiscard]] hp_status load(elf_file& file) noexcept;

  [[nodiscard]] memory_view view() const noexcept
  {
    return {ranges_.data(), ranges_.size()};
  }

  // An object file has one .hotpatch section per function, others have one.
  [[nodiscard]] std::size_t section_count() const noexcept
  {
    return sections_.size();
  }
  [[nodiscard]] record_section section(std::size_t index) const noexcept
  {
    return sections_[index];
  }

 private:
  [[nodiscard]] hp_status load_linked(elf_file& file) noexcept;
  [[nodiscard]] hp_status load_object(elf_file& file) noexcept;

  array<memory_range> ranges_;
  array<record_section> sections_;
  array<unsigned char> copies_;  // the relocated records of an object file
};

}  // namespace hotpatch

#endif
