// Laying out an ELF file's bytes at their addresses.
// SPDX-License-Identifier: MIT
#include "runtime/sites/elf_image.h"

#include <cstring>

#include <elf.h>

#include "format/record.h"
#include "runtime/base/status.h"
#include "runtime/elf/elf_relocate.h"

namespace hotpatch {

namespace {

hp_status damaged(const elf_file& file, const char* what) noexcept
{
  return fail(HP_MALFORMED, "%s: %s", file.label(), what);
}

hp_status no_memory(const elf_file& file) noexcept
{
  return fail(HP_NO_MEMORY, "%s: out of memory", file.label());
}

bool is_records(const elf_section& section) noexcept
{
  return std::strcmp(section.name, format::section_name) == 0;
}

// Headers may claim the same bytes any number of times: what is read of them
// all together is bounded by the file.
class budget {
 public:
  explicit budget(elf_file& file) noexcept : left_(file.size()) {}
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

hp_status claimed_twice(const elf_file& file, const char* sections) noexcept
{
  return fail(HP_MALFORMED,
              "%s: its sections %s are larger together than the file; they "
              "overlap",
              file.label(), sections);
}

// Whether section `index` of an object file has bytes that are loaded.
bool is_loaded(elf_file& file, const object_layout& layout, std::size_t index,
               elf_section& into) noexcept
{
  return layout.has(index) && file.section(index, into) &&
         into.type != SHT_NOBITS && into.size != 0;
}

}  // namespace

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
      return damaged(file,
                     "the file is shorter than its segments; it is "
                     "truncated or still being written");
    if (!into.append({segment.address, segment.file_size, bytes,
                      (segment.flags & PF_X) != 0}))
      return no_memory(file);
  }
  if (!sort_ranges(into.data(), into.size()))
    return damaged(file, "its segments overlap");
  return HP_OK;
}

hp_status elf_image::load(elf_file& file) noexcept
{
  ranges_.clear();
  sections_.clear();
  return file.type() == ET_REL ? load_object(file) : load_linked(file);
}

hp_status elf_image::load_linked(elf_file& file) noexcept
{
  elf_section section;
  budget records(file);
  for (std::size_t i = 0; file.find_section(format::section_name, i, section);
       i = section.index + 1) {
    if (section.type == SHT_NOBITS)
      return fail(HP_MALFORMED,
                  "%s: the section .hotpatch has no contents here; this is a "
                  "separate debug file, look at the program itself",
                  file.label());
    if (!(section.flags & SHF_ALLOC))
      return damaged(file,
                     "the section .hotpatch is not part of the loaded "
                     "image");
    if (!records.spend(section.size))
      return claimed_twice(file, format::section_name);
    if (!sections_.append({section.address, section.size}))
      return no_memory(file);
  }
  if (sections_.empty())
    return HP_OK;
  return lay_out_segments(file, ranges_);
}

hp_status elf_image::load_object(elf_file& file) noexcept
{
  elf_section section;
  if (!file.find_section(format::section_name, 0, section))
    return HP_OK;

  object_layout layout;
  if (const hp_status status = layout.assign(file); status != HP_OK)
    return status;

  // What is to be copied is counted first, because the ranges point into the
  // one block of copies.
  const std::size_t count = file.section_count();
  std::size_t total = 0;
  budget records(file);
  budget relocations(file);
  for (std::size_t i = 1; i < count; ++i) {
    if (!is_loaded(file, layout, i, section))
      continue;
    if (!file.contents(section.offset, section.size))
      return damaged(file,
                     "the file is shorter than its sections; it is "
                     "truncated or still being written");
    if (!is_records(section))
      continue;
    if (!records.spend(section.size))
      return claimed_twice(file, format::section_name);
    total += section.size;
  }
  array<unsigned char*> copy_of;  // by section index
  if (!copies_.resize(total) || !copy_of.resize(count))
    return no_memory(file);

  std::size_t used = 0;
  for (std::size_t i = 1; i < count; ++i) {
    if (!is_loaded(file, layout, i, section))
      continue;
    const unsigned char* bytes = file.contents(section.offset, section.size);
    if (is_records(section)) {
      copy_of[i] = copies_.data() + used;
      used += section.size;
      std::memcpy(copy_of[i], bytes, section.size);
      bytes = copy_of[i];
      if (!sections_.append({layout.address(i), section.size}))
        return no_memory(file);
    }
    if (!ranges_.append({layout.address(i), section.size, bytes,
                         (section.flags & SHF_EXECINSTR) != 0}))
      return no_memory(file);
  }
  if (!sort_ranges(ranges_.data(), ranges_.size()))
    return damaged(file, "its sections overlap");

  elf_section table;
  for (std::size_t i = 1; i < count; ++i) {
    if (!file.section(i, table) || table.type != SHT_RELA ||
        table.info >= count || !copy_of[table.info] ||
        !file.section(table.info, section))
      continue;
    if (!relocations.spend(table.size))
      return claimed_twice(file, "of relocations");
    const hp_status status =
        relocate_section(file, layout, table, section, copy_of[table.info]);
    if (status != HP_OK)
      return status;
  }
  return HP_OK;
}

}  // namespace hotpatch
