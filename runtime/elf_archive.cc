// The members of an ar archive.
// SPDX-License-Identifier: MIT
#include <cstdio>
#include <cstring>

#include <libelf.h>

#include "runtime/elf_file.h"
#include "runtime/status.h"

namespace hotpatch {

// Cutting a label that is too long only shortens a message.
void elf_file::set_label(const char* archive, const char* name) noexcept
{
  std::snprintf(label_, sizeof label_, "%.300s(%.200s)", archive, name);
}

hp_status elf_file::next_member(elf_file& member) noexcept
{
  member.close();
  while (archive_ && next_command_ != ELF_C_NULL) {
    Elf* handle =
        elf_begin(descriptor_, static_cast<Elf_Cmd>(next_command_), elf_);
    if (!handle) {
      const int error = elf_errno();
      next_command_ = ELF_C_NULL;
      if (error != 0)
        return fail(HP_MALFORMED, "%s: the archive is damaged (%s)", label_,
                    elf_errmsg(error));
      break;
    }
    next_command_ = elf_next(handle);
    const Elf_Arhdr* header = elf_getarhdr(handle);
    const char* name = header && header->ar_name ? header->ar_name : "?";
    // "/" is the symbol table, "//" holds the long names.
    const bool object = elf_kind(handle) == ELF_K_ELF && name[0] != '/';
    if (!object) {
      elf_end(handle);
      continue;
    }
    char label[sizeof member.label_];
    member.set_label(label_, name);
    std::memcpy(label, member.label_, sizeof label);
    return member.adopt(handle, label);
  }
  return HP_OK;
}

}  // namespace hotpatch
