// The addresses and bytes of an ELF file as if it were loaded, and where in
// them its .hotpatch sections lie.
//
// Of executables and shared objects, which have the addresses that the linker
// gave them; object files are in object_image.h.  Refers to the file's bytes,
// so the file must stay open (with access mapped).
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

// Failures of a file in words.
[[nodiscard]] hp_status damaged_image(const elf_file& file,
                                      const char* what) noexcept;
[[nodiscard]] hp_status no_memory_for_image(const elf_file& file) noexcept;
[[nodiscard]] hp_status claimed_twice(const elf_file& file,
                                      const char* sections) noexcept;

// Headers may claim the same bytes any number of times: what is read of them
// all together is bounded by the file.
class claimed_bytes {
 public:
  explicit claimed_bytes(elf_file& file) noexcept : left_(file.size()) {}
  [[nodiscard]] bool spend(std::uint64_t bytes) noexcept
  {
    if (bytes > left_)
      return false;
    left_ -= bytes;
    return true;
  }

 private:
  std::uint64_t left_;
};

class elf_image {
 public:
  // HP_OK also for a file without the section: section_count() is 0 then.
  // HP_MALFORMED, HP_NO_MEMORY.
  [[nodiscard]] hp_status load(elf_file& file) noexcept;

  [[nodiscard]] memory_view view() const noexcept
  {
    return {ranges_.data(), ranges_.size()};
  }

  // An object file has one .hotpatch section per function (object_image.h),
  // others have one.
  [[nodiscard]] std::size_t section_count() const noexcept
  {
    return sections_.size();
  }
  [[nodiscard]] record_section section(std::size_t index) const noexcept
  {
    return sections_[index];
  }

 protected:
  array<memory_range> ranges_;
  array<record_section> sections_;
};

}  // namespace hotpatch

#endif
