// Rewriting the entries of a dynamic section that lead to code.
// SPDX-License-Identifier: MIT
#include "runtime/objects/private_copy.h"

#include <cstring>

#include <elf.h>

#include "runtime/base/countermeasure.h"
#include "runtime/base/status.h"

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
        return true;
      case DT_INIT:
        held_.first = entry.d_un.d_ptr;
        [[fallthrough]];
      case DT_FINI:
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
};

}  // namespace

hp_status make_private_copy(patch_file& patch, array<unsigned char>& copy,
                            held_constructors& held) noexcept
{
  return copying(patch, copy, held).all();
}

}  // namespace hotpatch
