// Loading and searching the function symbols of a file.
//
// SPDX-License-Identifier: MIT
#include "tools/symbol_table.h"

#include <algorithm>
#include <cstring>
#include <tuple>

#include <elf.h>

namespace hotpatch::tools {

namespace {

// The NUL-terminated string at `offset`, or null.
const char* string_at(const unsigned char* strings, std::uint64_t size,
                      std::uint64_t offset)
{
  if (offset >= size || !std::memchr(strings + offset, 0, size - offset))
    return nullptr;
  return reinterpret_cast<const char*>(strings + offset);
}

bool is_code(const Elf64_Sym& entry)
{
  unsigned type = ELF64_ST_TYPE(entry.st_info);
  return (type == STT_FUNC || type == STT_GNU_IFUNC) &&
         entry.st_shndx != SHN_UNDEF;
}

}  // namespace

symbol_table::symbol_table(std::shared_ptr<elf_file> file)
    : file_(std::move(file))
{
  load(SHT_SYMTAB);
  if (symbols_.empty())
    load(SHT_DYNSYM);
  // Of several names for one function the global one comes last: find() looks
  // from behind.
  std::sort(
      symbols_.begin(), symbols_.end(), [](const symbol& a, const symbol& b) {
        return std::tie(a.address, a.global) < std::tie(b.address, b.global);
      });
}

void symbol_table::load(std::uint32_t type)
{
  elf_section table, names;
  for (std::size_t i = 1; i < file_->section_count(); ++i) {
    if (!file_->section(i, table) || table.type != type ||
        !file_->section(table.link, names))
      continue;
    const unsigned char* entries = file_->contents(table.offset, table.size);
    const unsigned char* strings = file_->contents(names.offset, names.size);
    if (!entries || !strings)
      continue;
    for (std::uint64_t at = 0; table.size - at >= sizeof(Elf64_Sym);
         at += sizeof(Elf64_Sym)) {
      Elf64_Sym entry;
      std::memcpy(&entry, entries + at, sizeof entry);
      const char* name = string_at(strings, names.size, entry.st_name);
      if (name && is_code(entry))
        symbols_.push_back({entry.st_value, entry.st_size, name,
                            ELF64_ST_BIND(entry.st_info) != STB_LOCAL});
    }
  }
}

const symbol_table::symbol* symbol_table::find(std::uint64_t address) const
{
  auto after = std::upper_bound(symbols_.begin(), symbols_.end(), address,
                                [](std::uint64_t value, const symbol& one) {
                                  return value < one.address;
                                });
  if (after == symbols_.begin())
    return nullptr;
  const symbol& before = *std::prev(after);
  // Hand-written assembly often has no size; its first byte still counts.
  bool inside =
      address - before.address < std::max<std::uint64_t>(before.size, 1);
  return inside ? &before : nullptr;
}

}  // namespace hotpatch::tools
