// Laying out an ELF file's bytes at their addresses.
// SPDX-License-Identifier: MIT
#include "runtime/sites/elf_image.h"

#include <cstring>

#include <elf.h>

#include "format/record.h"
#include "runtime/base/status.h"

namespace hotpatch {

hp_status damaged_image(const elf_file& file, const char* what) noexcept
{
  return fail(HP_MALFORMED, "%s: %s", file.label(), what);
}

hp_status no_memory_for_image(const elf_file& file) noexcept
{
  return fail(HP_NO_MEMORY, "%s: out of memory", file.label());
}

hp_status claimed_twice(const elf_file& file, const char* sections) noexcept
{
  return fail(HP_MALFORMED,
              "%s: its sections %s are larger together than the file; they "
              "overlap",
              file.label(), sections);
}

hp_status lay_out_segments(elf_file& file, array<memory_range>& into) noexcept
{
  elf_segment segment;
  for (std::size_t i = 0; i < file.segment_count(); ++i) {
    if (!file.segment(i, segment) || segment.type != PT_LOAD ||
        segment.file_size == 0)
      continue;
    const unsigned char* bytes =
        file.contents(segment.offset, segment.file_size);
    if (!bytes)
      return damaged_image(file,
                           "the file is shorter than its segments; it is "
                           "truncated or still being written");
    if (!into.append({segment.address, segment.file_size, bytes,
                      (segment.flags & PF_X) != 0}))
      return no_memory_for_image(file);
  }
  if (!sort_ranges(into.data(), into.size()))
    return damaged_image(file, "its segments overlap");
  return HP_OK;
}

hp_status elf_image::load(elf_file& file) noexcept
{
  ranges_.clear();
  sections_.clear();
  elf_section section;
  claimed_bytes records(file);
  for (std::size_t i = 0; file.find_section(format::section_name, i, section);
       i = section.index + 1) {
    if (section.type == SHT_NOBITS)
      return fail(HP_MALFORMED,
                  "%s: the section .hotpatch has no contents here; this is a "
                  "separate debug file, look at the program itself",
                  file.label());
    if (!(section.flags & SHF_ALLOC))
      return damaged_image(file,
                           "the section .hotpatch is not part of the loaded "
                           "image");
    if (!records.spend(section.size))
      return claimed_twice(file, format::section_name);
    if (!sections_.append({section.address, section.size}))
      return no_memory_for_image(file);
  }
  if (sections_.empty())
    return HP_OK;
  return lay_out_segments(file, ranges_);
}

}  // namespace hotpatch
