// The file that a loaded image came from, found and proved to be the same.
//
// Section headers are not loaded, so the place of .hotpatch must be read from
// the file; a file that was replaced on disk would name a wrong place.  Owns
// that proof: equal program headers, and an equal build-id or, without one, the
// same inode as the mapping.
//
// Failures leave their words in hp_error_message().
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_IMAGE_FILE_H
#define HOTPATCH_RUNTIME_IMAGE_FILE_H

#include <limits.h>
#include <link.h>

#include "runtime/base/array.h"
#include "runtime/elf/elf_file.h"
#include "runtime/sites/record_reader.h"

namespace hotpatch {

struct mapped_image {
  std::uint64_t base = 0;  // what is added to link-time addresses
  const ElfW(Phdr) * headers = nullptr;
  std::size_t header_count = 0;
  const char* name = "";    // the loader's
  bool executable = false;  // the program itself, not a shared object
};

// Opens the file that the image was loaded from.  HP_UNREADABLE if it cannot be
// had.
[[nodiscard]] hp_status open_image_file(const mapped_image& image,
                                        elf_file& file) noexcept;

// Where the image's records lie in memory; size 0 if it has none.
// HP_UNREADABLE: no file could be had that is the loaded one; HP_MALFORMED.
[[nodiscard]] hp_status locate_records(const mapped_image& image,
                                       record_section& into) noexcept;

// What the kernel calls the program's file, with " (deleted)" at the end if it
// is gone.  False, and "": /proc does not say.
bool read_program_link(char (&path)[PATH_MAX]) noexcept;

// The path of the program's file, for people: "" if there is no way to know.
// False: no memory.
[[nodiscard]] bool program_path(array<char>& into) noexcept;

}  // namespace hotpatch

#endif
