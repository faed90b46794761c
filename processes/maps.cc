// Reading /proc/PID/maps.
//
// SPDX-License-Identifier: MIT
#include "processes/maps.h"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <string_view>

#include <sys/mman.h>
#include <sys/sysmacros.h>

#include "processes/access.h"
#include "processes/proc_file.h"
#include "processes/threads.h"
#include "processes/trouble.h"
#include "runtime/base/countermeasure.h"
#include "runtime/base/map_line.h"
#include "runtime/base/sealed_file.h"

namespace hotpatch {

namespace {

// The kernel writes a newline in a path as \012 (fs/proc/task_mmu.c).
std::string unescape(std::string_view path)
{
  std::string text(path);
  for (std::size_t at = 0; (at = text.find("\\012", at)) != std::string::npos;)
    text.replace(at++, 4, "\n");
  return text;
}

constexpr std::string_view deleted_mark = " (deleted)";

// Some 600,000 mappings; vm.max_map_count is 65,530 unless it was raised.
constexpr std::size_t most_bytes = std::size_t{64} << 20;

// "/memfd:hotpatch:/srv/fix.so" -> "/srv/fix.so", and
// "/tmp/.hotpatch-0123456789abcdef-fix.so" -> "fix.so".
bool take_copied_name(std::string& path)
{
  const std::string sealed = std::string("/memfd:") + sealed_prefix;
  constexpr std::string_view placed = "/.hotpatch-0123456789abcdef-";
  constexpr std::size_t fixed = std::string_view("/.hotpatch-").size();
  if (path.starts_with(sealed)) {
    path.erase(0, sealed.size());
    return true;
  }
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos || path.size() - slash <= placed.size() ||
      path.compare(slash, fixed, placed.substr(0, fixed)) != 0)
    return false;
  path.erase(0, slash + placed.size());
  return true;
}

bool is_of_no_file(const process_mapping& mapping)
{
  return mapping.executable && mapping.inode == 0 && mapping.path.empty();
}

// Between two parts of one file that lie as far apart as in the file there is
// what was in the file there.
void recognise_moved_code(std::vector<process_mapping>& maps)
{
  for (std::size_t i = 1; i < maps.size(); ++i) {
    const process_mapping& before = maps[i - 1];
    std::size_t end = i;
    while (end < maps.size() && is_of_no_file(maps[end]) &&
           maps[end].begin == maps[end - 1].end)
      ++end;
    if (end == i || end == maps.size() || before.inode == 0)
      continue;
    const process_mapping& after = maps[end];
    if (after.begin != maps[end - 1].end || after.inode != before.inode ||
        after.device != before.device ||
        after.offset - before.offset != after.begin - before.begin)
      continue;
    for (; i < end; ++i) {
      process_mapping& moved = maps[i];
      moved.is_moved = true;
      moved.offset = before.offset + (moved.begin - before.begin);
      moved.device = before.device;
      moved.inode = before.inode;
      moved.path = before.path;
    }
  }
}

}  // namespace

bool parse_mapping(const std::string& line, process_mapping& into)
{
  map_line parts;
  if (!parse_map_line(line.c_str(), parts))
    return false;
  std::string_view path = parts.path;
  if (path.ends_with(deleted_mark))
    path.remove_suffix(deleted_mark.size());
  into.begin = parts.begin;
  into.end = parts.end;
  into.offset = parts.offset;
  into.readable = (parts.protection & PROT_READ) != 0;
  into.writable = (parts.protection & PROT_WRITE) != 0;
  into.executable = (parts.protection & PROT_EXEC) != 0;
  into.device = makedev(static_cast<unsigned>(parts.major),
                        static_cast<unsigned>(parts.minor));
  into.inode = parts.inode;
  into.path = unescape(path);
  into.is_copy = take_copied_name(into.path);
  return true;
}

std::vector<process_mapping> read_maps(pid_t pid)
{
  std::vector<process_mapping> maps;
  const int error = read_proc_lines(memory_path(pid, "/maps"), most_bytes,
                                    [&](const std::string& line) {
                                      process_mapping one;
                                      if (parse_mapping(line, one))
                                        maps.push_back(std::move(one));
                                      return proc_line::more;
                                    });
  if (error == EFBIG)
    throw trouble(process_text(pid) + " has too many mappings: its list of " +
                  std::to_string(maps.size()) +
                  " is longer than what is read of one process");
  if (error != 0)
    refuse_access(pid, error);
  if (HP_COUNTERMEASURE(moved_code))
    recognise_moved_code(maps);
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
