// Files whose contents cannot change any more: what was checked of a patch
// object is put into one, and that one is loaded.
//
// A sealed file lies in memory (memfd_create(2)) and has no name; where a
// system refuses that, a placed file lies in a directory, under a name that
// is not known, and only its owner and root may write to it.
//
// Any thread.  Failures leave errno.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_SEALED_FILE_H
#define HOTPATCH_RUNTIME_SEALED_FILE_H

#include <climits>
#include <cstddef>
#include <span>

#include <sys/types.h>

namespace hotpatch {

// /proc/PID/maps shows a sealed file as "/memfd:hotpatch:/fixes/fix.so
// (deleted)", so that people and tools see where it came from.
inline constexpr char sealed_prefix[] = "hotpatch:";
// With its NUL; the kernel takes no longer name.
inline constexpr std::size_t sealed_name_size = 250;

// The name for a file that came from `path`; of a long path its end.
void name_sealed_file(const char* path,
                      char (&name)[sealed_name_size]) noexcept;

// Flags for memfd_create(2): it may be executed whatever vm.memfd_noexec says,
// and, for kernels before 6.3, the same without that wish.
unsigned sealed_file_flags(bool with_exec) noexcept;

// Writes all of it, from the beginning of the file.
[[nodiscard]] bool write_whole(int descriptor,
                               std::span<const unsigned char> bytes) noexcept;

// From now on the bytes stay as they are, whichever process has the file.
[[nodiscard]] bool seal_file(int descriptor) noexcept;

enum class sealed_for : unsigned char { execution, reading };

// A file in memory with these bytes, sealed; -1.
[[nodiscard]] int make_sealed_file(const char* path,
                                   std::span<const unsigned char> bytes,
                                   sealed_for use) noexcept;

// Whether the system lets this process map code from it.
[[nodiscard]] bool may_execute(int descriptor) noexcept;

struct placed_file {
  int descriptor = -1;  // for reading, the caller's; -1: it could not be made
  char path[PATH_MAX];  // below the root directory
};

// A file in a directory for temporary files below `root`, an open directory,
// where code may be mapped from it.  `trusted`: only in a directory in which
// others than root and this user cannot rename it.
[[nodiscard]] bool place_file(int root, bool trusted, const char* path,
                              std::span<const unsigned char> bytes,
                              placed_file& placed) noexcept;

// Takes its name away; it stays as long as it is mapped.
void remove_placed(int root, const placed_file& placed) noexcept;

}  // namespace hotpatch

#endif
