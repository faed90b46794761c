// Reading /proc/PID/task.
//
// SPDX-License-Identifier: MIT
#include "processes/threads.h"

#include <cstdlib>
#include <filesystem>

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
