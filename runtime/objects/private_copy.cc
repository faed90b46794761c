// Rewriting the entries of a dynamic section that lead to code.
// SPDX-License-Identifier: MIT
#include "runtime/objects/private_copy.h"

#include <cstring>

#include <elf.h>

#include "runtime/base/countermeasure.h"
#include "runtime/base/status.h"
#include "runtime/elf/symbol_table.h"

namespace hotpatch {

namespace {

//   c3    ret
constexpr unsigned char return_code = 0xc3;

class copying {
 public:
  copying(patch_file& patch, array<unsigned char>& copy,
          held_constructors& held) noexcept
      : patch_(patch), copy_(copy), held_(held)
  {
  }

  hp_status all() noexcept
  {
    const std::span<const unsigned char> bytes = patch_.bytes();
    held_ = {};
    if (!copy_.resize(bytes.size()))
      return no_memory();
    std::memcpy(copy_.data(), bytes.data(), bytes.size());
    if (!HP_COUNTERMEASURE(hold_constructors))
      return HP_OK;
    elf_segment segment;
    for (std::size_t i = 0; i < patch_.elf().segment_count(); ++i)
      if (patch_.elf().segment(i, segment) && segment.type == PT_DYNAMIC)
        if (const hp_status status = hold(segment); status != HP_OK)
          return status;
    if (const hp_status status = find_destructors(); status != HP_OK)
      return status;
    const memory_range* code = patch_.view().find(held_.first);
    if (held_.first != 0 && (code == nullptr || !code->executable))
      return damaged("its DT_INIT leads to no code");
    return check_table();
  }

 private:
  hp_status no_memory() noexcept
  {
    return fail(HP_NO_MEMORY, "%s: out of memory", patch_.label());
  }
  hp_status damaged(const char* what) noexcept
  {
    return fail(HP_MALFORMED, "%s: %s", patch_.label(), what);
  }

  hp_status hold(const elf_segment& dynamic) noexcept
  {
    // Where the dynamic linker reads it, whatever the file's offset says.
    const memory_range* range = patch_.view().find(dynamic.address);
    if (range == nullptr ||
        !range->contains(dynamic.address, dynamic.file_size))
      return damaged("the dynamic section is not in the object");
    unsigned char* const begin =
        copy_.data() + (range->at(dynamic.address) - patch_.bytes().data());
    const std::uint64_t end = dynamic.file_size / sizeof(Elf64_Dyn);
    for (std::uint64_t i = 0; i < end; ++i) {
      unsigned char* const at = begin + i * sizeof(Elf64_Dyn);
      Elf64_Dyn entry;
      std::memcpy(&entry, at, sizeof entry);
      if (entry.d_tag == DT_NULL)
        break;
      std::uint64_t instead = 0;
      if (!is_held(entry, instead))
        continue;
      const std::uint64_t address =
          dynamic.address + i * sizeof(Elf64_Dyn) + offsetof(Elf64_Dyn, d_un);
      if (!held_.restore.append({address, entry.d_un.d_val}))
        return no_memory();
      if (entry.d_tag == DT_INIT_ARRAYSZ)
        held_.progress = address;
      std::memcpy(at + offsetof(Elf64_Dyn, d_un), &instead, sizeof instead);
    }
    return HP_OK;
  }

  // Whether the address is that of a section which GCC's and the C library's
  // own start files fill (crti.o, crtn.o).
  bool is_start_of(const char* section_name, std::uint64_t address) noexcept
  {
    elf_section section;
    return patch_.elf().find_section(section_name, 0, section) &&
           section.address == address;
  }

  // crtbeginS.o has one entry in each of the two tables.  A destructor of an
  // object of C++ is made known by its constructor instead, as what atexit(3)
  // is called with in a shared object is.
  hp_status find_destructors() noexcept
  {
    const std::uint64_t of_toolchain =
        held_.count != 0 && destructors_ != 0 ? 1 : 0;
    const bool constructs =
        held_.count > of_toolchain ||
        (held_.first != 0 && !is_start_of(".init", held_.first));
    bool destroys = destructors_ > of_toolchain ||
                    (last_ != 0 && !is_start_of(".fini", last_));
    symbol_table dynamic;
    if (const hp_status status =
            dynamic.load(patch_.elf(), symbol_table::kind::dynamic);
        status != HP_OK)
      return status;
    dynamic.for_each_undefined([&](const char* name) {
      destroys = destroys || std::strcmp(name, "__cxa_atexit") == 0;
    });
    held_.are_one_way = constructs && !destroys;
    return HP_OK;
  }

  // Notes what it leads to.
  bool is_held(const Elf64_Dyn& entry, std::uint64_t& instead) noexcept
  {
    switch (entry.d_tag) {
      case DT_INIT_ARRAY:
        held_.table = entry.d_un.d_ptr;
        return false;
      case DT_INIT_ARRAYSZ:
        held_.count = entry.d_un.d_val / sizeof(std::uint64_t);
        return true;
      case DT_FINI_ARRAYSZ:
        destructors_ = entry.d_un.d_val / sizeof(std::uint64_t);
        return true;
      case DT_INIT:
        held_.first = entry.d_un.d_ptr;
        instead = find_return();
        return instead != 0;
      case DT_FINI:
        last_ = entry.d_un.d_ptr;
        instead = find_return();
        return instead != 0;
      default:
        return false;
    }
  }

  // A `ret` in the object's code, 0: there is none.
  std::uint64_t find_return() noexcept
  {
    const memory_view view = patch_.view();
    for (std::size_t i = 0; i < view.count; ++i) {
      const memory_range& each = view.ranges[i];
      if (!each.executable)
        continue;
      const void* found = std::memchr(each.bytes, return_code, each.size);
      if (found != nullptr)
        return each.address +
               static_cast<std::uint64_t>(
                   static_cast<const unsigned char*>(found) - each.bytes);
    }
    return 0;
  }

  hp_status check_table() noexcept
  {
    if (held_.count == 0)
      return HP_OK;
    const std::uint64_t size = held_.count * sizeof(std::uint64_t);
    const memory_range* range = patch_.view().find(held_.table);
    return held_.count <= copy_.size() / sizeof(std::uint64_t) &&
                   held_.table % sizeof(std::uint64_t) == 0 &&
                   range != nullptr && range->contains(held_.table, size)
               ? HP_OK
               : damaged("the table of constructors is not in the object");
  }

  patch_file& patch_;
  array<unsigned char>& copy_;
  held_constructors& held_;
  std::uint64_t destructors_ = 0;  // entries of DT_FINI_ARRAY
  std::uint64_t last_ = 0;         // DT_FINI, 0: none
};

}  // namespace

hp_status make_private_copy(patch_file& patch, array<unsigned char>& copy,
                            held_constructors& held) noexcept
{
  return copying(patch, copy, held).all();
}

}  // namespace hotpatch
