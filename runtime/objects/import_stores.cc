// From relocations and values to stores.
// SPDX-License-Identifier: MIT
#include "runtime/objects/import_stores.h"

#include <cstring>
#include <initializer_list>

#include <elf.h>

#include "runtime/base/countermeasure.h"
#include "runtime/base/status.h"

namespace hotpatch {

namespace {

// The part of an executable's static thread-local block that lies before the
// thread pointer: System V x86-64, variant II (Drepper, "ELF Handling For
// Thread-Local Storage", 3.4.6).  0: it has none.
std::uint64_t static_block_size(elf_file& file)
{
  elf_segment segment;
  for (std::size_t i = 0; i < file.segment_count(); ++i)
    if (file.segment(i, segment) && segment.type == PT_TLS &&
        segment.alignment != 0)
      return (segment.memory_size + segment.alignment - 1) / segment.alignment *
             segment.alignment;
  return 0;
}

// A runtime of C++ that was linked into the object statically keeps state (the
// exceptions that are being handled) which must be that of the program's.
bool is_of_language_runtime(const char* name)
{
  for (const char* head :
       {"__cxa_", "_Unwind_", "__gxx_", "__gcc_", "_ZSt", "_ZNSt", "_ZNKSt",
        "_ZN9__gnu_cxx", "_ZNK9__gnu_cxx", "_ZN10__cxxabiv1",
        "_ZNK10__cxxabiv1", "_Znw", "_Zna", "_Zdl", "_Zda"})
    if (std::strncmp(name, head, std::strlen(head)) == 0)
      return true;
  return false;
}

class planning {
 public:
  planning(elf_file& patch, std::uint64_t base,
           std::span<const import_value> values, slot_reader slots,
           array<import_store>& into) noexcept
      : patch_(patch), base_(base), values_(values), slots_(slots), into_(into)
  {
  }

  hp_status all() noexcept
  {
    elf_section table;
    for (std::size_t i = 0; i < patch_.section_count(); ++i) {
      if (!patch_.section(i, table) || table.type != SHT_RELA ||
          !(table.flags & SHF_ALLOC) || table.size == 0)
        continue;
      if (const hp_status status = plan_table(table); status != HP_OK)
        return status;
    }
    return HP_OK;
  }

 private:
  hp_status damaged(const elf_section& table) noexcept
  {
    return fail(HP_MALFORMED, "%s: section %zu (%s) is a damaged table",
                patch_.label(), table.index, table.name);
  }

  hp_status plan_table(const elf_section& table) noexcept
  {
    elf_section symbols;
    elf_section strings;
    if (!patch_.section(table.link, symbols) || symbols.type != SHT_DYNSYM)
      return HP_OK;  // relocations without symbols
    if (!patch_.section(symbols.link, strings) || strings.type != SHT_STRTAB)
      return damaged(symbols);
    const unsigned char* entries = patch_.chunk(table.offset, table.size);
    const unsigned char* symbol_bytes =
        patch_.chunk(symbols.offset, symbols.size);
    const unsigned char* text = patch_.chunk(strings.offset, strings.size);
    if (!entries || !symbol_bytes || !text || strings.size == 0 ||
        text[strings.size - 1] != '\0')
      return damaged(table);
    for (std::size_t i = 0; i < table.size / sizeof(Elf64_Rela); ++i) {
      Elf64_Rela entry;
      std::memcpy(&entry, entries + i * sizeof entry, sizeof entry);
      const std::uint64_t index = ELF64_R_SYM(entry.r_info);
      if (index == 0)
        continue;
      Elf64_Sym symbol;
      if (index >= symbols.size / sizeof symbol)
        return damaged(table);
      std::memcpy(&symbol, symbol_bytes + index * sizeof symbol, sizeof symbol);
      if (symbol.st_name >= strings.size)
        return damaged(symbols);
      const char* name = reinterpret_cast<const char*>(text + symbol.st_name);
      const import_value* value = find(name);
      hp_status status = HP_OK;
      if (value != nullptr)
        status = plan(entry, *value);
      else if (is_own_function(symbol, name))
        status = plan_own(entry, symbol.st_value);
      if (status != HP_OK)
        return status;
    }
    return HP_OK;
  }

  const import_value* find(const char* symbol) const noexcept
  {
    for (const import_value& each : values_)
      if (std::strcmp(each.symbol, symbol) == 0)
        return &each;
    return nullptr;
  }

  // Whether eight bytes there belong to the object's data.
  bool is_data(std::uint64_t address) noexcept
  {
    elf_segment segment;
    for (std::size_t i = 0; i < patch_.segment_count(); ++i) {
      if (!patch_.segment(i, segment) || segment.type != PT_LOAD)
        continue;
      const memory_range range = {segment.address, segment.memory_size};
      if (range.contains(address, sizeof(std::uint64_t)))
        return (segment.flags & PF_W) != 0;
    }
    return false;
  }

  // The plugin makes such references direct.  What is left are tables of
  // addresses, where dynamic linkers differ on protected symbols (musl), and
  // what was compiled without the plugin.
  static bool is_own_function(const Elf64_Sym& symbol, const char* name)
  {
    return HP_COUNTERMEASURE(own_functions_first) &&
           symbol.st_shndx != SHN_UNDEF &&
           ELF64_ST_TYPE(symbol.st_info) == STT_FUNC &&
           !is_of_language_runtime(name);
  }

  hp_status plan_own(const Elf64_Rela& entry, std::uint64_t function) noexcept
  {
    std::uint64_t content = base_ + function;
    switch (ELF64_R_TYPE(entry.r_info)) {
      case R_X86_64_GLOB_DAT:
      case R_X86_64_JUMP_SLOT:
        break;
      case R_X86_64_64:
        content += static_cast<std::uint64_t>(entry.r_addend);
        break;
      default:
        return HP_OK;
    }
    std::uint64_t present = 0;
    if (!is_data(entry.r_offset) ||
        !slots_.read(base_ + entry.r_offset, present, slots_.data) ||
        present == content)
      return HP_OK;
    return into_.append({base_ + entry.r_offset, content})
               ? HP_OK
               : fail(HP_NO_MEMORY, "%s: out of memory", patch_.label());
  }

  hp_status plan(const Elf64_Rela& entry, const import_value& value) noexcept
  {
    const auto addend = static_cast<std::uint64_t>(entry.r_addend);
    switch (ELF64_R_TYPE(entry.r_info)) {
      case R_X86_64_GLOB_DAT:
      case R_X86_64_JUMP_SLOT:
        return value.thread_local_ ? unsupported(entry, value)
                                   : store_address(entry, value, 0);
      case R_X86_64_64:
        return value.thread_local_ ? unsupported(entry, value)
                                   : store_address(entry, value, addend);
      case R_X86_64_DTPMOD64:
        if (value.image->tls_module == 0)
          return fail(HP_UNSUPPORTED,
                      "%s: %s: the number of the thread-local storage of %s "
                      "is not known",
                      patch_.label(), value.symbol, value.image->path);
        return store(entry, value, 0, value.image->tls_module);
      case R_X86_64_DTPOFF64:
        // Zero may be the right offset, and is what stays where nothing defines
        // the symbol; otherwise it is what the dynamic linker has chosen.
        return store(entry, value, 0, value.value + addend);
      case R_X86_64_TPOFF64:
        return plan_static(entry, value, addend);
      default:
        return unsupported(entry, value);
    }
  }

  hp_status plan_static(const Elf64_Rela& entry, const import_value& value,
                        std::uint64_t addend) noexcept
  {
    const std::uint64_t size = value.image->is_program && value.image->file
                                   ? static_block_size(*value.image->file)
                                   : 0;
    if (size == 0)
      return fail(HP_UNSUPPORTED,
                  "%s: %s: only thread-local variables of the program itself, "
                  "not of %s, can be used with -ftls-model=initial-exec",
                  patch_.label(), value.symbol, value.image->path);
    return store(entry, value, 0, value.value + addend - size);
  }

  hp_status unsupported(const Elf64_Rela& entry,
                        const import_value& value) noexcept
  {
    return fail(HP_UNSUPPORTED,
                "%s: %s is used through a relocation of type %llu, which "
                "cannot be resolved after loading; compile with -fPIC and "
                "-mtls-dialect=gnu",
                patch_.label(), value.symbol,
                static_cast<unsigned long long>(ELF64_R_TYPE(entry.r_info)));
  }

  hp_status store_address(const Elf64_Rela& entry, const import_value& value,
                          std::uint64_t addend) noexcept
  {
    if (!value.is_ifunc)
      return store(entry, value, addend, value.value + addend);
    std::uint64_t chosen = 0;
    if (value.chosen_at != 0 &&
        !slots_.read(value.chosen_at, chosen, slots_.data))
      return fail(HP_UNREADABLE, "%s: cannot read the program's data at %#llx",
                  patch_.label(),
                  static_cast<unsigned long long>(value.chosen_at));
    if (chosen != 0)
      return store(entry, value, addend, chosen + addend);
    std::uint64_t present = 0;
    if (slots_.read(base_ + entry.r_offset, present, slots_.data) &&
        present != addend)
      return HP_OK;
    return fail(HP_UNSUPPORTED,
                "%s: %s is an ifunc of %s, and neither has the dynamic linker "
                "resolved it for the patch, nor does %s keep the address of "
                "the function that was chosen; link %s with -rdynamic",
                patch_.label(), value.symbol, value.image->path,
                value.image->path, value.image->path);
  }

  // `unresolved` is what the dynamic linker leaves there for a weak symbol that
  // nothing defines.
  hp_status store(const Elf64_Rela& entry, const import_value& value,
                  std::uint64_t unresolved, std::uint64_t content) noexcept
  {
    if (!is_data(entry.r_offset))
      return fail(HP_UNSUPPORTED,
                  "%s: %s is used by instructions that the dynamic linker has "
                  "to change; compile with -fPIC",
                  patch_.label(), value.symbol);
    const std::uint64_t address = base_ + entry.r_offset;
    std::uint64_t present = 0;
    if (!slots_.read(address, present, slots_.data))
      return fail(HP_UNREADABLE, "%s: cannot read the loaded object at %#llx",
                  patch_.label(), static_cast<unsigned long long>(address));
    const std::uint64_t left =
        value.own != 0 ? base_ + value.own + unresolved : unresolved;
    if ((value.own != 0 || value.only_if_unresolved) && present != left)
      return HP_OK;
    return into_.append({address, content})
               ? HP_OK
               : fail(HP_NO_MEMORY, "%s: out of memory", patch_.label());
  }

  elf_file& patch_;
  std::uint64_t base_;
  std::span<const import_value> values_;
  slot_reader slots_;
  array<import_store>& into_;
};

}  // namespace

hp_status plan_import_stores(elf_file& patch, std::uint64_t base,
                             std::span<const import_value> values,
                             slot_reader slots,
                             array<import_store>& into) noexcept
{
  return planning(patch, base, values, slots, into).all();
}

}  // namespace hotpatch
