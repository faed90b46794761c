// What is mapped where in this process, as the kernel tells it.
//
// Answers are a snapshot: other threads may map and unmap, so a
// caller uses them as a hint or about memory it keeps mapped.  Allocates
// nothing, takes no lock and is no cancellation point: for_each_mapping() can
// be used while all other threads stand still.  Any thread.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_MEMORY_MAP_H
#define HOTPATCH_RUNTIME_MEMORY_MAP_H

#include <cstdint>

#include "runtime/base/raw_file.h"

namespace hotpatch {

// One line of /proc/PID/maps, taken apart (proc(5)):
//
//   7f0c1000-7f0c3000 r-xp 00001000 fe:01 1234        /usr/lib/libc.so.6
//
// Pure; allocates nothing.
struct map_line {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t offset = 0;  // in the file
  std::uint64_t major = 0;   // of the file's device
  std::uint64_t minor = 0;
  std::uint64_t inode = 0;  // 0: no file
  int protection = 0;       // PROT_READ | PROT_WRITE | PROT_EXEC
  const char* path = "";    // the end of the line
};

// False: it is no such line.
[[nodiscard]] bool parse_map_line(const char* line, map_line& into) noexcept;

struct memory_mapping {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  int protection = 0;     // PROT_READ | PROT_WRITE | PROT_EXEC
  bool is_stack = false;  // the main thread's: it grows downwards
  // What file is mapped, 0 if none.  The device's number is the kernel's own
  // and need not be the one that stat(2) gives.
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
};

// Single addresses, asked of the kernel as often as wanted; since Linux 6.11.
class mapping_questions {
 public:
  enum class answer : std::uint8_t { found, absent, unknown };

  mapping_questions() noexcept;

  // The mapping that contains `address`; `or_next`: or the next one above it.
  // Not told: is_stack.
  [[nodiscard]] answer ask(std::uint64_t address, bool or_next,
                           memory_mapping& found) const noexcept;

 private:
  raw_file maps_;
};

// Every mapping by ascending address until visit returns false.  `path` is that
// of its file, with " (deleted)" after it if the file is gone, or empty; one
// of about four thousand bytes is cut.  False: /proc could not be read (errno
// says why).
using mapping_visitor = bool (*)(const memory_mapping&, const char* path,
                                 void* data);
bool for_each_mapping(mapping_visitor visit, void* data) noexcept;

// The segment of the program itself, which is never unloaded, that contains
// `address`, with the protection that the loader gave it.  False also where the
// program's place is not known.
bool find_program_segment(std::uint64_t address,
                          memory_mapping& found) noexcept;

// The mapping that contains `address`: from /proc, or, where that is not to be
// had, from the program headers of the loaded images.
bool find_mapping(std::uint64_t address, memory_mapping& found) noexcept;

}  // namespace hotpatch

#endif
