// Reading the files of /proc, proc(5).
//
// A process may end, and may make its files long, while they are read: nothing
// here throws because of the first, and everything has a limit because of the
// second.  From any thread.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_PROCESSES_PROC_FILE_H
#define HOTPATCH_PROCESSES_PROC_FILE_H

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include <sys/types.h>

namespace hotpatch {

// Where /proc shows a process, proc(5).
//
// Text and nothing else; from any thread.

// "/proc/1234/maps"; the entry begins with its slash.
inline std::string proc_path(pid_t process, const std::string& entry = "")
{
  return "/proc/" + std::to_string(process) + entry;
}

// Enough for status, stat and comm.
inline constexpr std::size_t proc_file_limit = std::size_t{64} << 10;

// The first `most` bytes.  Empty, with errno, if the file cannot be opened or
// read to there: ESRCH or ENOENT if the process has ended.
std::optional<std::string> read_proc_file(const std::string& path,
                                          std::size_t most = proc_file_limit);

// What `see` answers to a line.
enum class proc_line { more, enough };

// Line after line, without their newlines.  0, or the error that ended it:
// EFBIG after `most` bytes.
int read_proc_lines(const std::string& path, std::size_t most,
                    const std::function<proc_line(const std::string&)>& see);

// What the kernel told the program at its start (getauxval(3)); 0 if it told
// nothing of that type, or may not be read.
std::uint64_t auxiliary_value(pid_t process, std::uint64_t type);

}  // namespace hotpatch

#endif
