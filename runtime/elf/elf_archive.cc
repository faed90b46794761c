// The members of an ar archive.
// SPDX-License-Identifier: MIT
#include <cstdio>

#include <libelf.h>

#include "runtime/base/status.h"
#include "runtime/elf/elf_file.h"

namespace hotpatch {

hp_status elf_file::next_member(elf_file& member) noexcept
{
  member.close();
  while (archive_ && next_command_ != ELF_C_NULL) {
    Elf* handle =
        elf_begin(descriptor_.get(), static_cast<Elf_Cmd>(next_command_), elf_);
    if (!handle) {
      const int error = elf_errno();
      next_command_ = ELF_C_NULL;
      if (error != 0)
        return fail(HP_MALFORMED, "%s: the archive is damaged (%s)", label_,
                    elf_errmsg(error));
      break;
    }
    // elf_next() makes the header that of the next member.
    const Elf_Arhdr* header = elf_getarhdr(handle);
    const char* name = header && header->ar_name ? header->ar_name : "?";
    // "/" is the symbol table, "//" holds the long names.
    const bool object = elf_kind(handle) == ELF_K_ELF && name[0] != '/';
    char label[sizeof member.label_];
    // Cutting a label that is too long only shortens a message.
    std::snprintf(label, sizeof label, "%.300s(%.200s)", label_, name);
    next_command_ = elf_next(handle);
    if (!object) {
      elf_end(handle);
      continue;
    }
    return member.adopt(handle, label);
  }
  return HP_OK;
}

}  // namespace hotpatch
