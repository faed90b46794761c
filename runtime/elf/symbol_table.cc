// Symbols, and the functions among them by address.
//
// SPDX-License-Identifier: MIT
#include "runtime/elf/symbol_table.h"

#include <algorithm>

#include "runtime/base/status.h"

namespace hotpatch {

namespace {

bool has_full_table(elf_file& file)
{
  elf_section section;
  for (std::size_t i = 0; i < file.section_count(); ++i)
    if (file.section(i, section) && section.type == SHT_SYMTAB)
      return true;
  return false;
}

}  // namespace

hp_status symbol_table::load(elf_file& file, kind wanted) noexcept
{
  // Sections of a debug file have the same numbers and addresses.
  if (wanted == kind::best && !has_full_table(file)) {
    elf_file* const debug = file.debug_file();
    if (debug != nullptr && has_full_table(*debug) &&
        load_own(*debug, wanted) == HP_OK)
      return HP_OK;
  }
  return load_own(file, wanted);
}

hp_status symbol_table::load_own(elf_file& file, kind wanted) noexcept
{
  count_ = 0;
  versions_ = nullptr;
  elf_section chosen;
  elf_section candidate;
  for (std::size_t i = 0; i < file.section_count(); ++i) {
    const bool fits = file.section(i, candidate) &&
                      (candidate.type == SHT_DYNSYM ||
                       (wanted == kind::best && candidate.type == SHT_SYMTAB));
    if (!fits)
      continue;
    chosen = candidate;
    if (chosen.type == SHT_SYMTAB)
      break;
  }
  if (chosen.size == 0)
    return HP_OK;
  elf_section strings;
  entries_ = file.chunk(chosen.offset, chosen.size);
  const unsigned char* text =
      file.section(chosen.link, strings) && strings.type == SHT_STRTAB
          ? file.chunk(strings.offset, strings.size)
          : nullptr;
  // A string that begins inside the table ends inside it if the last byte does.
  if (!entries_ || !text || strings.size == 0 || text[strings.size - 1] != '\0')
    return fail(HP_MALFORMED, "%s: section %zu (%s) is a damaged symbol table",
                file.label(), chosen.index, chosen.name);
  texts_ = reinterpret_cast<const char*>(text);
  texts_size_ = strings.size;
  count_ = chosen.size / sizeof(Elf64_Sym);
  elf_section versions;
  for (std::size_t i = 0; chosen.type == SHT_DYNSYM && i < file.section_count();
       ++i)
    if (file.section(i, versions) && versions.type == SHT_GNU_versym &&
        versions.size / sizeof(Elf64_Half) >= count_)
      versions_ = file.chunk(versions.offset, versions.size);
  return HP_OK;
}

// The full table has the version in the name, the dynamic linker's has a bit
// elsewhere (LSB, "Symbol Versioning", 10.7.2).
bool symbol_table::is_older_version(std::size_t index,
                                    const char* name) const noexcept
{
  constexpr Elf64_Half hidden = 0x8000;
  Elf64_Half version = 0;
  if (versions_ != nullptr)
    std::memcpy(&version, versions_ + index * sizeof version, sizeof version);
  const char* mark = std::strchr(name, '@');
  return (version & hidden) != 0 || (mark != nullptr && mark[1] != '@');
}

// The local symbols of each source come after a symbol with its name, and
// those that have none after one without a name.
bool symbol_table::read(std::size_t index, symbol& into,
                        const char*& source) const noexcept
{
  Elf64_Sym entry;
  std::memcpy(&entry, entries_ + index * sizeof entry, sizeof entry);
  if (entry.st_shndx == SHN_UNDEF || entry.st_name >= texts_size_)
    return false;
  into.name = texts_ + entry.st_name;
  into.type = ELF64_ST_TYPE(entry.st_info);
  into.binding = ELF64_ST_BIND(entry.st_info);
  if (into.type == STT_FILE) {
    source = into.name;
    return false;
  }
  into.file = into.binding == STB_LOCAL ? source : "";
  into.value = entry.st_value;
  into.is_default = !is_older_version(index, into.name);
  into.size = entry.st_size;
  return true;
}

const char* symbol_table::undefined(std::size_t index) const noexcept
{
  Elf64_Sym entry;
  std::memcpy(&entry, entries_ + index * sizeof entry, sizeof entry);
  return entry.st_shndx == SHN_UNDEF && entry.st_name != 0 &&
                 entry.st_name < texts_size_
             ? texts_ + entry.st_name
             : nullptr;
}

// Reading a symbol table.

hp_status elf_symbols::load(elf_file& file) noexcept
{
  functions_.clear();
  symbol_table table;
  if (const hp_status status = table.load(file); status != HP_OK)
    return status;
  bool complete = true;
  table.for_each([&](const symbol& each) {
    if (each.type == STT_FUNC)
      complete = functions_.append(
          {each.name, each.value, each.size, each.binding != STB_LOCAL});
    return complete;
  });
  if (!complete)
    return fail(HP_NO_MEMORY, "%s: out of memory", file.label());
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
