// /proc, and /proc/PID/task.
//
// SPDX-License-Identifier: MIT
#include "processes/process_list.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <filesystem>
#include <string_view>

#include <elf.h>
#include <linux/kcmp.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "processes/errors.h"
#include "processes/memory.h"
#include "processes/proc_file.h"
#include "processes/text.h"
#include "runtime/base/number.h"

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
  } catch (const tool_error&) {
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

std::vector<pid_t> threads_of(pid_t process)
{
  std::vector<pid_t> threads;
  std::error_code error;
  for (std::filesystem::directory_iterator
           at(proc_path(process, "/task"), error),
       end;
       !error && at != end; at.increment(error))
    if (const auto thread = parse_process_id(at->path().filename().native()))
      threads.push_back(*thread);
  return threads;
}

namespace {

bool has_memory(pid_t thread)
{
  char path[1];
  return readlink(proc_path(thread, "/exe").c_str(), path, sizeof path) >= 0 ||
         errno != ENOENT;
}

}  // namespace

bool share_memory(pid_t a, pid_t b)
{
  return syscall(SYS_kcmp, a, b, KCMP_VM, 0, 0) == 0;
}

pid_t memory_thread(pid_t process)
{
  if (has_memory(process))
    return process;
  for (const pid_t thread : threads_of(process))
    if (thread != process && has_memory(thread))
      return thread;
  return process;
}

std::string memory_path(pid_t process, const std::string& entry)
{
  return proc_path(memory_thread(process), entry);
}

std::vector<pid_t> memory_sharers(pid_t process)
{
  std::vector<pid_t> found;
  const pid_t thread = memory_thread(process);
  for (const pid_t other : all_processes())
    if (other != process && share_memory(thread, other))
      found.push_back(other);
  return found;
}

std::vector<pid_t> memory_sharers(pid_t process, pid_t first, pid_t last)
{
  // Where numbers have begun again from the lowest, all are looked at.
  constexpr pid_t most = 10'000;
  if (last < first || last - first > most)
    return memory_sharers(process);
  std::vector<pid_t> found;
  const pid_t thread = memory_thread(process);
  for (pid_t other = first; other <= last; ++other)
    if (other != process && share_memory(thread, other) &&
        thread_file(process, other, "comm").empty())
      found.push_back(other);
  return found;
}

pid_t newest_process()
{
  const std::string text = read_proc_file("/proc/loadavg").value_or("");
  std::string_view last = std::string_view(text).substr(text.rfind(' ') + 1);
  if (last.ends_with('\n'))
    last.remove_suffix(1);
  return parse_process_id(last).value_or(0);
}

std::string thread_file(pid_t process, pid_t thread, const char* name)
{
  return read_proc_file(
             proc_path(process, "/task/" + std::to_string(thread) + '/' + name))
      .value_or("");
}

std::string status_field(const std::string& status, const char* name)
{
  const std::string wanted = std::string("\n") + name + ":\t";
  std::size_t at = status.find(wanted);
  if (at == std::string::npos)
    return {};
  at += wanted.size();
  return status.substr(at, status.find('\n', at) - at);
}

std::string process_text(pid_t process)
{
  return "process " + std::to_string(process);
}

std::string process_lines(pid_t process, std::string_view text)
{
  const std::string name = process_text(process);
  std::string lines;
  for (;;) {
    const std::string_view line = text.substr(0, text.find('\n'));
    const bool is_named =
        line.starts_with(name) &&
        (line.size() == name.size() ||
         std::string_view(": ").find(line[name.size()]) != line.npos);
    lines += is_named ? "" : name + ": ";
    lines += line;
    if (line.size() == text.size())
      return lines;
    lines += '\n';
    text.remove_prefix(line.size() + 1);
  }
}

std::string thread_text(pid_t process, pid_t thread)
{
  std::string name = thread_file(process, thread, "comm");
  while (!name.empty() && name.back() == '\n')
    name.pop_back();
  std::string text = "thread " + std::to_string(thread) + " (";
  // Messages have several lines: a name shall not add one.
  append_printable(text, name);
  return text + ')';
}

}  // namespace hotpatch
