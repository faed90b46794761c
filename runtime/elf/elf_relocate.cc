// Section addresses and relocations of object files.
// SPDX-License-Identifier: MIT
#include "runtime/elf/elf_relocate.h"

#include <cstring>

#include <elf.h>

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

}  // namespace

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

}  // namespace hotpatch
