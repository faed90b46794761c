// Parsing /proc/PID/maps.
//
// SPDX-License-Identifier: MIT
#include "processes/maps.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <iterator>

#include <sys/sysmacros.h>

#include "processes/access.h"

namespace hotpatch {

namespace {

// Takes a number and the character behind it off the front of `text`.
bool take_number(std::string_view& text, int base, char behind,
                 std::uint64_t& value)
{
  auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, base);
  auto used = static_cast<std::size_t>(end - text.data());
  if (error != std::errc{} || used == text.size() || *end != behind)
    return false;
  text.remove_prefix(used + 1);
  return true;
}

// The kernel writes a newline in a path as \012 (fs/proc/task_mmu.c).
std::string unescape(std::string_view path)
{
  std::string text(path);
  for (std::size_t at = 0; (at = text.find("\\012", at)) != std::string::npos;)
    text.replace(at++, 4, "\n");
  return text;
}

constexpr std::string_view deleted_mark = " (deleted)";

}  // namespace

// "7f0c1000-7f0c3000 r-xp 00001000 fe:01 1234                  /lib/libc.so.6"
bool parse_mapping(std::string_view line, process_mapping& into)
{
  std::uint64_t major = 0, minor = 0, inode = 0;
  if (!take_number(line, 16, '-', into.begin) ||
      !take_number(line, 16, ' ', into.end) || line.size() < 5)
    return false;
  into.executable = line[2] == 'x';
  line.remove_prefix(5);
  if (!take_number(line, 16, ' ', into.offset) ||
      !take_number(line, 16, ':', major) || !take_number(line, 16, ' ', minor))
    return false;
  std::string padded(line);  // the inode may be the last thing in the line
  padded += ' ';
  std::string_view rest = padded;
  if (!take_number(rest, 10, ' ', inode))
    return false;
  into.device =
      makedev(static_cast<unsigned>(major), static_cast<unsigned>(minor));
  into.inode = inode;
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  if (!rest.empty())
    rest.remove_suffix(1);
  if (rest.ends_with(deleted_mark))
    rest.remove_suffix(deleted_mark.size());
  into.path = unescape(rest);
  return into.begin < into.end;
}

std::vector<process_mapping> read_maps(pid_t pid)
{
  std::ifstream file("/proc/" + std::to_string(pid) + "/maps");
  if (!file)
    refuse_access(pid, errno);
  std::vector<process_mapping> maps;
  std::string line;
  while (std::getline(file, line)) {
    process_mapping one;
    if (parse_mapping(line, one))
      maps.push_back(std::move(one));
  }
  return maps;
}

const process_mapping* mapping_at(const std::vector<process_mapping>& maps,
                                  std::uint64_t address)
{
  auto after =
      std::upper_bound(maps.begin(), maps.end(), address,
                       [](std::uint64_t value, const process_mapping& one) {
                         return value < one.begin;
                       });
  if (after == maps.begin() || std::prev(after)->end <= address)
    return nullptr;
  return &*std::prev(after);
}

}  // namespace hotpatch
