// The file of a mapping of another process: exactly the one that is mapped,
// even if its path was deleted or leads to something else by now.
//
// Owns the invariant that a file it opens is the mapped one: same device and
// inode, or the same build-id in the file and in the process's memory.  A patch
// object is loaded as a private copy without a name; the process has the whole
// copy mapped, where anyone who may read its memory finds it.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_PROCESSES_MAPPED_FILE_H
#define HOTPATCH_PROCESSES_MAPPED_FILE_H

#include <memory>
#include <optional>

#include "processes/maps.h"
#include "processes/memory.h"
#include "runtime/elf/elf_file.h"

namespace hotpatch {

struct mapped_file {
  std::shared_ptr<elf_file> file;
  std::uint64_t bias = 0;  // file addresses + bias = addresses in the process
};

// `mapping` must be executable and have a file.  Empty if that file is no ELF
// file.  Throws trouble if it cannot be had or is damaged.
std::optional<mapped_file> open_mapped(pid_t pid,
                                       const process_mapping& mapping,
                                       const process_memory& memory);

}  // namespace hotpatch

#endif
