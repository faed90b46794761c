// Reading /proc/PID/task.
//
// SPDX-License-Identifier: MIT
#include "processes/threads.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include <linux/kcmp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "processes/all_processes.h"
#include "processes/proc_file.h"
#include "processes/text.h"

namespace hotpatch {

std::vector<pid_t> threads_of(pid_t process)
{
  std::vector<pid_t> threads;
  std::error_code error;
  for (std::filesystem::directory_iterator
           at(proc_path(process, "/task"), error),
       end;
       !error && at != end; at.increment(error))
    threads.push_back(std::atoi(at->path().filename().c_str()));
  return threads;
}

namespace {

bool has_memory(pid_t thread)
{
  char path[1];
  return readlink(proc_path(thread, "/exe").c_str(), path, sizeof path) >= 0 ||
         errno != ENOENT;
}

// kcmp(2); where the kernel has none, nothing is known to be shared.
bool share_memory(pid_t a, pid_t b)
{
  return syscall(SYS_kcmp, a, b, KCMP_VM, 0, 0) == 0;
}

pid_t parent_of(pid_t process)
{
  const std::string text =
      status_field(thread_file(process, process, "status"), "PPid");
  return static_cast<pid_t>(std::atoi(text.c_str()));
}

}  // namespace

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
  const auto text = read_proc_file("/proc/loadavg");
  if (!text)
    return 0;
  const std::size_t blank = text->rfind(' ');
  return blank == std::string::npos
             ? 0
             : static_cast<pid_t>(std::atoi(text->c_str() + blank + 1));
}

pid_t memory_owner(pid_t process)
{
  const pid_t thread = memory_thread(process);
  pid_t owner = 0;
  for (pid_t above = parent_of(process);
       above > 0 && share_memory(thread, memory_thread(above));
       above = parent_of(above))
    owner = above;
  return owner;
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
