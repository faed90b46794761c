// Reading a symbol table.
// SPDX-License-Identifier: MIT
#include "runtime/elf_symbols.h"

#include <algorithm>
#include <cstring>

#include <elf.h>

#include "runtime/status.h"

namespace hotpatch {

hp_status elf_symbols::load(elf_file& file) noexcept
{
  functions_.clear();
  elf_section chosen;
  elf_section candidate;
  for (std::size_t i = 0; i < file.section_count(); ++i) {
    if (!file.section(i, candidate) ||
        (candidate.type != SHT_SYMTAB && candidate.type != SHT_DYNSYM))
      continue;
    chosen = candidate;
    if (chosen.type == SHT_SYMTAB)
      break;
  }
  return chosen.size == 0 ? HP_OK : load_table(file, chosen);
}

hp_status elf_symbols::load_table(elf_file& file,
                                  const elf_section& table) noexcept
{
  elf_section strings;
  const unsigned char* entries = file.contents(table.offset, table.size);
  const unsigned char* text =
      file.section(table.link, strings) && strings.type == SHT_STRTAB
          ? file.contents(strings.offset, strings.size)
          : nullptr;
  // A string that begins inside the table ends inside it if the last byte does.
  if (!entries || !text || strings.size == 0 || text[strings.size - 1] != '\0')
    return fail(HP_MALFORMED, "%s: section %zu (%s) is a damaged symbol table",
                file.label(), table.index, table.name);
  const std::size_t count = table.size / sizeof(Elf64_Sym);
  for (std::size_t i = 0; i < count; ++i) {
    Elf64_Sym symbol;
    std::memcpy(&symbol, entries + i * sizeof symbol, sizeof symbol);
    if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC ||
        symbol.st_shndx == SHN_UNDEF || symbol.st_name >= strings.size)
      continue;
    const char* name = reinterpret_cast<const char*>(text + symbol.st_name);
    const bool global = ELF64_ST_BIND(symbol.st_info) != STB_LOCAL;
    if (!functions_.append({name, symbol.st_value, symbol.st_size, global}))
      return fail(HP_NO_MEMORY, "%s: out of memory", file.label());
  }
  std::sort(functions_.begin(), functions_.end(),
            [](const function_symbol& a, const function_symbol& b) {
              return a.address != b.address ? a.address < b.address
                                            : a.global < b.global;
            });
  return HP_OK;
}

const function_symbol* elf_symbols::find(std::uint64_t address) const noexcept
{
  const function_symbol* above =
      std::upper_bound(functions_.begin(), functions_.end(), address,
                       [](std::uint64_t where, const function_symbol& f) {
                         return where < f.address;
                       });
  if (above == functions_.begin())
    return nullptr;
  const function_symbol* found = above - 1;
  if (found->size != 0 && address - found->address >= found->size)
    return nullptr;
  return found;
}

}  // namespace hotpatch
