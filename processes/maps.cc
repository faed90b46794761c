// /proc/PID/maps, and the files that are mapped.
//
// SPDX-License-Identifier: MIT
#include "processes/maps.h"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <string>
#include <string_view>

#include <elf.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "processes/errors.h"
#include "processes/memory.h"
#include "processes/proc_file.h"
#include "processes/process_list.h"
#include "processes/text.h"
#include "runtime/base/countermeasure.h"
#include "runtime/base/memory_map.h"
#include "runtime/base/sealed_file.h"
#include "runtime/base/status.h"

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
    throw tool_error(process_text(pid) +
                     " has too many mappings: its list of " +
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

// Finding the file of a mapping, and proving that it is the one.

namespace {

constexpr std::size_t most_notes = 1 << 16;

bool same_file(const std::string& path, const process_mapping& mapping)
{
  struct stat about;
  return stat(path.c_str(), &about) == 0 && about.st_dev == mapping.device &&
         about.st_ino == mapping.inode;
}

bool exists(const std::string& path)
{
  struct stat about;
  return stat(path.c_str(), &about) == 0;
}

// Names that the kernel gives to memory; what is in them is seldom an image.
bool is_no_path(const std::string& path)
{
  for (const char* prefix : {"/memfd:", "/dev/", "/SYSV", "/anon_hugepage"})
    if (path.starts_with(prefix))
      return true;
  return false;
}

// What the mapping says about where the file's addresses are.
std::optional<std::uint64_t> find_bias(elf_file& file,
                                       const process_mapping& mapping)
{
  std::uint64_t length = mapping.end - mapping.begin;
  elf_segment segment;
  for (std::size_t i = 0; i < file.segment_count(); ++i) {
    if (!file.segment(i, segment) || segment.type != PT_LOAD ||
        (segment.flags & PF_X) == 0)
      continue;
    // The mapping is a page-aligned part of the segment or contains it.
    if (mapping.offset < segment.offset + segment.file_size &&
        segment.offset < mapping.offset + length)
      return mapping.begin - mapping.offset + segment.offset - segment.address;
  }
  return std::nullopt;
}

build_id id_in_memory(elf_file& file, std::uint64_t bias,
                      const process_memory& memory)
{
  elf_segment segment;
  for (std::size_t i = 0; i < file.segment_count(); ++i) {
    if (!file.segment(i, segment) || segment.type != PT_NOTE ||
        segment.file_size > most_notes)
      continue;
    std::vector<std::uint8_t> notes(segment.file_size);
    if (!memory.fetch(segment.address + bias, notes))
      continue;
    build_id found =
        find_build_id(notes.data(), notes.size(), segment.alignment);
    if (found.present())
      return found;
  }
  return {};
}

bool same_build(elf_file& file, std::uint64_t bias,
                const process_memory& memory)
{
  build_id id = file.id();
  return id.present() && id == id_in_memory(file, bias, memory);
}

// Where the file may be had, best first.  The first two lead to the mapped
// inode itself, whatever became of its path, but need privileges or are only
// there for the executable.  A process that has changed its root directory may
// have loaded it from ours before.
std::vector<std::string> candidates(pid_t pid, const process_mapping& mapping)
{
  const std::string proc = memory_path(pid, "");
  std::string range;
  append_hex(range, mapping.begin);
  range += '-';
  append_hex(range, mapping.end);
  return {proc + "/map_files/" + range, proc + "/exe",
          proc + "/root" + mapping.path, mapping.path};
}

// The whole file, which the loader of a copy has mapped beside it; null: it is
// not there.
std::shared_ptr<elf_file> read_copy(pid_t pid, const process_mapping& mapping,
                                    const process_memory& memory)
{
  constexpr std::uint64_t most = std::uint64_t{256} << 20;
  struct owner {
    std::vector<std::uint8_t> bytes;
    elf_file file;
  };
  for (const process_mapping& each : read_maps(pid)) {
    if (each.inode != mapping.inode || each.device != mapping.device ||
        each.offset != 0 || each.executable || each.end - each.begin > most)
      continue;
    auto read = std::make_shared<owner>();
    read->bytes.resize(each.end - each.begin);
    // The first segment of the object begins the file, too, but does not hold
    // its end.
    if (memory.fetch(each.begin, read->bytes) &&
        read->file.open_memory(mapping.path.c_str(), read->bytes.data(),
                               read->bytes.size()) == HP_OK)
      return {read, &read->file};
  }
  return nullptr;
}

// The words of the last failure, about the path that the user knows.
std::string message_for(const process_mapping& mapping,
                        const std::string& opened)
{
  std::string message = last_message();
  if (message.starts_with(opened))
    message.replace(0, opened.size(), mapping.path);
  return message;
}

[[noreturn]] void not_to_be_had(pid_t pid, const process_mapping& mapping)
{
  // The kernel's mark "(deleted)" stays when another file takes the path.
  std::string path = memory_path(pid, "/root" + mapping.path);
  std::string why =
      exists(path) ? ": the file was replaced" : ": the file was deleted";
  throw tool_error(
      mapping.path + why +
      " since it was loaded"
      ", and the mapped one cannot be reached; run hp-list as root, "
      "who may open it through " +
      proc_path(pid, "/map_files"));
}

}  // namespace

std::optional<mapped_file> open_mapped(pid_t pid,
                                       const process_mapping& mapping,
                                       const process_memory& memory)
{
  if (mapping.is_copy)
    if (auto file = read_copy(pid, mapping, memory))
      if (const auto bias = find_bias(*file, mapping))
        return mapped_file{file, *bias};
  for (const std::string& path : candidates(pid, mapping)) {
    if (!path.starts_with('/') || !exists(path))
      continue;
    auto file = std::make_shared<elf_file>();
    bool surely = same_file(path, mapping);
    hp_status status = file->open(path.c_str(), elf_file::access::mapped);
    if (status != HP_OK) {
      if (!surely)
        continue;
      if (status == HP_UNREADABLE)
        return std::nullopt;
      throw tool_error(message_for(mapping, path));
    }
    if (file->is_archive())
      continue;
    std::optional<std::uint64_t> bias = find_bias(*file, mapping);
    if (bias && (surely || same_build(*file, *bias, memory)))
      return mapped_file{file, *bias};
    if (surely)
      return std::nullopt;
  }
  if (is_no_path(mapping.path))
    return std::nullopt;
  not_to_be_had(pid, mapping);
}

}  // namespace hotpatch
