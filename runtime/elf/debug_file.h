// The separate debug file of a stripped ELF file, which has its symbol table.
//
// Owns the rule where it is looked for and that it belongs to the file: by the
// build-id below each debug directory, then by the section .gnu_debuglink
// beside the file, in .debug there, and below each debug directory (GDB manual,
// "Separate Debug Files").  A file with another build-id, or, where one of the
// two has none, with another checksum than the link states, is not taken.
//
// The debug directories are those that HOTPATCH_DEBUG_PATH lists, with colons
// between them, or /usr/lib/debug.  Of a file that was found through /proc/PID
// those in the process's root directory are tried, too.
//
// Any thread, each with its own files.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_DEBUG_FILE_H
#define HOTPATCH_RUNTIME_DEBUG_FILE_H

#include "runtime/elf/elf_file.h"

namespace hotpatch {

// The build-id of a debug file, which has its notes, but whose segments may
// have no contents.  Absent if it has none.
[[nodiscard]] build_id id_of_sections(elf_file& file) noexcept;

// Opens it into `debug`, which is closed.  False: there is none.
[[nodiscard]] bool open_debug_file(elf_file& file, elf_file& debug) noexcept;

}  // namespace hotpatch

#endif
