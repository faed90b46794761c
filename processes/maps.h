// What a process has mapped where, from /proc/PID/maps.
//
// A snapshot: the process runs on, so what follows from it has to be checked
// against what is found there.  One thread at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_PROCESSES_MAPS_H
#define HOTPATCH_PROCESSES_MAPS_H

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "processes/memory.h"
#include "runtime/elf/elf_file.h"

namespace hotpatch {

struct process_mapping {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t offset = 0;  // in the file
  bool readable = false;
  bool writable = false;
  bool executable = false;
  dev_t device = 0;
  ino_t inode = 0;   // 0: no file
  std::string path;  // of a deleted file, too: without the kernel's mark
  // What is mapped was loaded as a copy of the file at `path`
  // (runtime/base/sealed_file.h), of which only the name may be known.
  bool is_copy = false;
  // The program has moved code of the file to memory of its own, at the same
  // addresses, for example to have it on huge pages; device, inode, path and
  // offset are those of the file.
  bool is_moved = false;
};

// By ascending address.  Throws tool_error.
std::vector<process_mapping> read_maps(pid_t pid);

// Null if nothing is mapped there.
const process_mapping* mapping_at(const std::vector<process_mapping>& maps,
                                  std::uint64_t address);

// One line of the file, without its newline; false if it is not such a line.
bool parse_mapping(const std::string& line, process_mapping& into);

// The file of a mapping of another process: exactly the one that is mapped,
// even if its path was deleted or leads to something else by now.
//
// Owns the invariant that a file it opens is the mapped one: same device and
// inode, or the same build-id in the file and in the process's memory.  A patch
// object is loaded as a private copy without a name; the process has the whole
// copy mapped, where anyone who may read its memory finds it.
struct mapped_file {
  std::shared_ptr<elf_file> file;
  std::uint64_t bias = 0;  // file addresses + bias = addresses in the process
};

// `mapping` must be executable and have a file.  Empty if that file is no ELF
// file.  Throws tool_error if it cannot be had or is damaged.
std::optional<mapped_file> open_mapped(pid_t pid,
                                       const process_mapping& mapping,
                                       const process_memory& memory);

}  // namespace hotpatch

#endif
