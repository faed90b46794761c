// The build-id among the ELF notes.
// SPDX-License-Identifier: MIT
#include <cstring>

#include <elf.h>

#include "runtime/elf/elf_file.h"

namespace hotpatch {

bool build_id::operator==(const build_id& other) const noexcept
{
  return size == other.size && std::memcmp(bytes, other.bytes, size) == 0;
}

// An entry is three 4-byte words (size of the name, size of the description,
// type), the name and the description, each padded (gABI chapter 5, "Note
// Section"; 8-byte padding is what .note.gnu.property uses).
build_id find_build_id(const void* notes, std::size_t size,
                       std::size_t alignment) noexcept
{
  const auto* bytes = static_cast<const unsigned char*>(notes);
  const std::size_t mask = (alignment == 8 ? 8 : 4) - 1;
  constexpr char owner[] = ELF_NOTE_GNU;
  build_id found;
  std::size_t at = 0;
  while (at <= size && size - at >= sizeof(Elf64_Nhdr)) {
    Elf64_Nhdr note;
    std::memcpy(&note, bytes + at, sizeof note);
    const std::size_t name = at + sizeof note;
    const std::size_t description = (name + note.n_namesz + mask) & ~mask;
    if (description > size || note.n_descsz > size - description)
      break;
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof owner &&
        std::memcmp(bytes + name, owner, sizeof owner) == 0 &&
        note.n_descsz > 0 && note.n_descsz <= build_id::max_size) {
      std::memcpy(found.bytes, bytes + description, note.n_descsz);
      found.size = note.n_descsz;
      break;
    }
    at = (description + note.n_descsz + mask) & ~mask;
  }
  return found;
}

}  // namespace hotpatch
