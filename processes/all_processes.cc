// Listing /proc, and looking at what each process executes.
//
// SPDX-License-Identifier: MIT
#include "processes/all_processes.h"

#include <algorithm>
#include <climits>
#include <cstring>
#include <filesystem>
#include <string_view>

#include <elf.h>
#include <sys/stat.h>
#include <unistd.h>

#include "processes/memory.h"
#include "processes/proc_file.h"
#include "processes/text.h"
#include "processes/threads.h"
#include "processes/trouble.h"

namespace hotpatch {

std::optional<pid_t> parse_process_id(std::string_view text)
{
  const auto number = parse_number<pid_t>(text);
  return number && *number > 0 ? number : std::nullopt;
}

std::vector<pid_t> all_processes()
{
  std::vector<pid_t> found;
  std::error_code error;
  for (std::filesystem::directory_iterator at("/proc", error), end;
       !error && at != end; at.increment(error)) {
    if (const auto pid = parse_process_id(at->path().filename().native()))
      found.push_back(*pid);
  }
  std::sort(found.begin(), found.end());
  return found;
}

namespace {

constexpr std::string_view deleted_mark = " (deleted)";

// A process may have been started by any of the names of a program.
struct program_names {
  explicit program_names(const std::string& program)
  {
    std::error_code error;
    const std::filesystem::path stated = std::filesystem::absolute(program);
    add(stated.lexically_normal());
    // The file itself may be gone: its directory counts, too.
    add(std::filesystem::weakly_canonical(stated.parent_path(), error) /
        stated.filename());
    add(std::filesystem::weakly_canonical(stated, error));
    exists = stat(program.c_str(), &file) == 0;
    for (const std::string& each : names) {
      struct stat about;
      const auto directory = std::filesystem::path(each).parent_path();
      if (stat(directory.c_str(), &about) == 0)
        devices.push_back(about.st_dev);
    }
  }

  void add(const std::filesystem::path& name)
  {
    if (!name.empty() && !contains(name.native()))
      names.push_back(name);
  }
  bool contains(const std::string& name) const
  {
    return std::find(names.begin(), names.end(), name) != names.end();
  }
  bool holds_on(dev_t device) const
  {
    return std::find(devices.begin(), devices.end(), device) != devices.end();
  }

  std::vector<std::string> names;
  std::vector<dev_t> devices;  // of the directories that they are in
  struct stat file = {};
  bool exists = false;
};

std::string executed_path(pid_t pid)
{
  char path[PATH_MAX];
  const ssize_t length =
      readlink(memory_path(pid, "/exe").c_str(), path, sizeof path);
  return length <= 0 ? "" : std::string(path, static_cast<std::size_t>(length));
}

// What execve(2) was called with; empty if it may not be read.
std::string started_as(pid_t pid)
{
  const std::uint64_t address = auxiliary_value(pid, AT_EXECFN);
  if (address == 0)
    return "";
  try {
    char text[PATH_MAX];
    const std::size_t got = process_memory(pid).fetch_some(
        address, {reinterpret_cast<std::uint8_t*>(text), sizeof text});
    return std::string(text, strnlen(text, got));
  } catch (const trouble&) {
    return "";
  }
}

bool has_our_names(pid_t pid)
{
  struct stat its;
  struct stat ours;
  return stat(memory_path(pid, "/ns/mnt").c_str(), &its) == 0 &&
         stat("/proc/self/ns/mnt", &ours) == 0 && its.st_ino == ours.st_ino;
}

bool is_of(pid_t pid, const program_names& wanted)
{
  struct stat executes;
  if (stat(memory_path(pid, "/exe").c_str(), &executes) != 0)
    return false;
  if (wanted.exists && executes.st_dev == wanted.file.st_dev &&
      executes.st_ino == wanted.file.st_ino)
    return true;
  // Names mean the same only where there are the same files: an upgrade moves
  // files within a directory.
  if (!wanted.holds_on(executes.st_dev) && !has_our_names(pid))
    return false;
  const std::string path = executed_path(pid);
  if (path.ends_with(deleted_mark) &&
      wanted.contains(path.substr(0, path.size() - deleted_mark.size())))
    return true;
  // Renamed, or reached through a link that leads elsewhere by now.
  const std::filesystem::path name = started_as(pid);
  if (name.is_absolute())
    return wanted.contains(name.lexically_normal());
  // Where it was when it was started is not known.
  const auto directory = std::filesystem::path(path).parent_path();
  return std::any_of(wanted.names.begin(), wanted.names.end(),
                     [&](const std::filesystem::path& each) {
                       return each.parent_path() == directory &&
                              each.filename() == name.filename();
                     });
}

}  // namespace

std::vector<pid_t> processes_of(const std::string& program)
{
  const program_names wanted(program);
  std::vector<pid_t> found = all_processes();
  std::erase_if(found, [&](pid_t pid) { return !is_of(pid, wanted); });
  return found;
}

}  // namespace hotpatch
