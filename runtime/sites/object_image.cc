// Section addresses and relocations of object files; members of archives.
// SPDX-License-Identifier: MIT
#include "runtime/sites/object_image.h"

#include <cstdio>
#include <cstring>

#include <elf.h>
#include <libelf.h>

#include "format/record.h"
#include "runtime/base/status.h"

namespace hotpatch {

namespace {

constexpr std::uint64_t first_address = 0x1000;
// Records reach what they describe with 32 bits, so nothing may be farther.
constexpr std::uint64_t address_limit = std::uint64_t{1} << 31;
constexpr std::uint64_t max_alignment = std::uint64_t{1} << 24;

template <typename T>
bool read_entry(elf_file& file, const elf_section& table, std::uint64_t index,
                T& into) noexcept
{
  if (index >= table.size / sizeof(T))
    return false;
  const unsigned char* bytes =
      file.contents(table.offset + index * sizeof(T), sizeof(T));
  if (bytes)
    std::memcpy(&into, bytes, sizeof(T));
  return bytes != nullptr;
}

// The sections that will be loaded, one after the other and aligned as they
// ask to be.
class object_layout {
 public:
  // HP_MALFORMED, HP_NO_MEMORY.
  [[nodiscard]] hp_status assign(elf_file& file) noexcept;

  [[nodiscard]] bool has(std::size_t section) const noexcept
  {
    return section < addresses_.size() && addresses_[section] != 0;
  }
  [[nodiscard]] std::uint64_t address(std::size_t section) const noexcept
  {
    return addresses_[section];
  }

  // The table of section indices that do not fit in a symbol (there are more
  // than 65279 sections), size 0 if there is none.
  [[nodiscard]] const elf_section& wide_indices() const noexcept
  {
    return wide_indices_;
  }

 private:
  array<std::uint64_t> addresses_;  // by section index, 0: not loaded
  elf_section wide_indices_;
};

// What a relocation's symbol is worth.
bool symbol_value(elf_file& file, const object_layout& layout,
                  const elf_section& symbols, std::uint64_t index,
                  std::uint64_t& value) noexcept
{
  Elf64_Sym symbol;
  if (!read_entry(file, symbols, index, symbol))
    return false;
  if (symbol.st_shndx == SHN_ABS) {
    value = symbol.st_value;
    return true;
  }
  std::uint32_t home = symbol.st_shndx;
  if (home == SHN_XINDEX &&
      !read_entry(file, layout.wide_indices(), index, home))
    return false;
  if (!layout.has(home))
    return false;
  value = layout.address(home) + symbol.st_value;
  return true;
}

// Writes `value` in the relocation's size; false if it does not fit or the
// type is none that data has.
bool store(unsigned char* where, std::uint64_t room, std::uint32_t type,
           std::uint64_t value, std::uint64_t place) noexcept
{
  const bool relative =
      type == R_X86_64_PC32 || type == R_X86_64_PLT32 || type == R_X86_64_PC64;
  if (relative)
    value -= place;
  switch (type) {
    case R_X86_64_PC64:
    case R_X86_64_64:
      if (room < sizeof value)
        return false;
      std::memcpy(where, &value, sizeof value);
      return true;
    case R_X86_64_PC32:
    case R_X86_64_PLT32:
    case R_X86_64_32S:
    case R_X86_64_32: {
      const auto low = static_cast<std::uint32_t>(value);
      const bool fits = type == R_X86_64_32
                            ? value == low
                            : value == static_cast<std::uint64_t>(std::int64_t{
                                           static_cast<std::int32_t>(low)});
      if (!fits || room < sizeof low)
        return false;
      std::memcpy(where, &low, sizeof low);
      return true;
    }
    case R_X86_64_NONE:
      return true;
    default:
      return false;
  }
}

hp_status refuse(const elf_file& file, const elf_section& section,
                 std::uint64_t number, const char* reason) noexcept
{
  return fail(HP_MALFORMED, "%s: section %zu (.hotpatch): relocation %llu %s",
              file.label(), section.index,
              static_cast<unsigned long long>(number), reason);
}

hp_status object_layout::assign(elf_file& file) noexcept
{
  addresses_.clear();
  wide_indices_ = {};
  const std::size_t count = file.section_count();
  if (!addresses_.resize(count))
    return fail(HP_NO_MEMORY, "%s: out of memory", file.label());
  std::uint64_t next = first_address;
  elf_section section;
  for (std::size_t i = 1; i < count; ++i) {
    if (!file.section(i, section))
      continue;
    if (section.type == SHT_SYMTAB_SHNDX)
      wide_indices_ = section;
    if (!(section.flags & SHF_ALLOC))
      continue;
    const std::uint64_t alignment = section.alignment ? section.alignment : 1;
    if ((alignment & (alignment - 1)) != 0 || alignment > max_alignment)
      return fail(HP_MALFORMED, "%s: section %zu (%s) has a bad alignment",
                  file.label(), i, section.name);
    next = (next + alignment - 1) & ~(alignment - 1);
    if (section.size >= address_limit - next)
      return fail(HP_MALFORMED, "%s: section %zu (%s) is absurdly large",
                  file.label(), i, section.name);
    addresses_[i] = next;
    // A byte between sections, so that no end is another one's beginning.
    next += section.size + 1;
  }
  return HP_OK;
}

// Applies the relocations in `table` to `copy`, the contents of `section`.
// HP_MALFORMED.
hp_status relocate_section(elf_file& file, const object_layout& layout,
                           const elf_section& table, const elf_section& section,
                           unsigned char* copy) noexcept
{
  elf_section symbols;
  if (!file.section(table.link, symbols) || symbols.type != SHT_SYMTAB)
    return refuse(file, section, 0, "has no symbol table");
  const std::uint64_t count = table.size / sizeof(Elf64_Rela);
  for (std::uint64_t number = 0; number < count; ++number) {
    Elf64_Rela relocation;
    std::uint64_t value = 0;
    if (!read_entry(file, table, number, relocation))
      return refuse(file, section, number, "lies outside the file");
    if (relocation.r_offset >= section.size)
      return refuse(file, section, number, "changes another section");
    if (!symbol_value(file, layout, symbols, ELF64_R_SYM(relocation.r_info),
                      value))
      return refuse(file, section, number,
                    "refers to a symbol that is not in this object");
    if (!store(copy + relocation.r_offset, section.size - relocation.r_offset,
               static_cast<std::uint32_t>(ELF64_R_TYPE(relocation.r_info)),
               value + static_cast<std::uint64_t>(relocation.r_addend),
               layout.address(section.index) + relocation.r_offset))
      return refuse(file, section, number,
                    "is of an unknown type or does not fit");
  }
  return HP_OK;
}

bool is_records(const elf_section& section) noexcept
{
  return std::strcmp(section.name, format::section_name) == 0;
}

// Whether section `index` of an object file has bytes that are loaded.
bool is_loaded(elf_file& file, const object_layout& layout, std::size_t index,
               elf_section& into) noexcept
{
  return layout.has(index) && file.section(index, into) &&
         into.type != SHT_NOBITS && into.size != 0;
}

}  // namespace

hp_status object_image::load(elf_file& file) noexcept
{
  if (file.type() != ET_REL)
    return elf_image::load(file);
  ranges_.clear();
  sections_.clear();
  return load_object(file);
}

hp_status object_image::load_object(elf_file& file) noexcept
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
  claimed_bytes records(file);
  claimed_bytes relocations(file);
  for (std::size_t i = 1; i < count; ++i) {
    if (!is_loaded(file, layout, i, section))
      continue;
    if (!file.contents(section.offset, section.size))
      return damaged_image(file,
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
    return no_memory_for_image(file);

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
        return no_memory_for_image(file);
    }
    if (!ranges_.append({layout.address(i), section.size, bytes,
                         (section.flags & SHF_EXECINSTR) != 0}))
      return no_memory_for_image(file);
  }
  if (!sort_ranges(ranges_.data(), ranges_.size()))
    return damaged_image(file, "its sections overlap");

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

hp_status archive_members::next(elf_file& member) noexcept
{
  member.close();
  while (archive_.archive_ && archive_.next_command_ != ELF_C_NULL) {
    Elf* handle =
        elf_begin(archive_.descriptor_.get(),
                  static_cast<Elf_Cmd>(archive_.next_command_), archive_.elf_);
    if (!handle) {
      const int error = elf_errno();
      archive_.next_command_ = ELF_C_NULL;
      if (error != 0)
        return fail(HP_MALFORMED, "%s: the archive is damaged (%s)",
                    archive_.label_, elf_errmsg(error));
      break;
    }
    // elf_next() makes the header that of the next member.
    const Elf_Arhdr* header = elf_getarhdr(handle);
    const char* name = header && header->ar_name ? header->ar_name : "?";
    // "/" is the symbol table, "//" holds the long names.
    const bool object = elf_kind(handle) == ELF_K_ELF && name[0] != '/';
    char label[sizeof member.label_];
    // Cutting a label that is too long only shortens a message.
    std::snprintf(label, sizeof label, "%.300s(%.200s)", archive_.label_, name);
    archive_.next_command_ = elf_next(handle);
    if (!object) {
      elf_end(handle);
      continue;
    }
    return member.adopt(handle, label);
  }
  return HP_OK;
}

}  // namespace hotpatch
