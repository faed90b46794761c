// open(2) and read(2): the C++ library's streams throw when a process ends
// between the two.
//
// SPDX-License-Identifier: MIT
#include "processes/proc_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

#include "processes/process_list.h"
#include "runtime/base/file_descriptor.h"

namespace hotpatch {

namespace {

constexpr std::size_t chunk_size = std::size_t{32} << 10;

ssize_t read_some(int file, char* into, std::size_t size)
{
  for (;;) {
    const ssize_t got = read(file, into, size);
    if (got >= 0 || errno != EINTR)
      return got;
  }
}

}  // namespace

std::optional<std::string> read_proc_file(const std::string& path,
                                          std::size_t most)
{
  const file_descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file)
    return {};
  std::string text;
  while (text.size() < most) {
    const std::size_t before = text.size();
    text.resize(before + std::min(chunk_size, most - before));
    const ssize_t got =
        read_some(file.get(), text.data() + before, text.size() - before);
    if (got < 0)
      return {};
    text.resize(before + static_cast<std::size_t>(got));
    if (got == 0)
      break;
  }
  return text;
}

int read_proc_lines(const std::string& path, std::size_t most,
                    const std::function<proc_line(const std::string&)>& see)
{
  const file_descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file)
    return errno;
  std::vector<char> chunk(chunk_size);
  std::string line;
  for (std::size_t total = 0;;) {
    const ssize_t got = read_some(file.get(), chunk.data(), chunk.size());
    if (got < 0)
      return errno;
    if (got == 0)
      break;
    total += static_cast<std::size_t>(got);
    if (total > most)
      return EFBIG;
    const char* at = chunk.data();
    const char* const end = at + got;
    while (at != end) {
      const char* const newline = std::find(at, end, '\n');
      line.append(at, newline);
      if (newline == end)
        break;
      if (see(line) == proc_line::enough)
        return 0;
      line.clear();
      at = newline + 1;
    }
  }
  if (!line.empty())
    see(line);
  return 0;
}

std::uint64_t auxiliary_value(pid_t process, std::uint64_t type)
{
  const auto text = read_proc_file(memory_path(process, "/auxv"));
  Elf64_auxv_t entry;
  for (std::size_t at = 0; text && text->size() - at >= sizeof entry;
       at += sizeof entry) {
    std::memcpy(&entry, text->data() + at, sizeof entry);
    if (entry.a_type == type)
      return entry.a_un.a_val;
  }
  return 0;
}

}  // namespace hotpatch
