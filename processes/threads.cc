// Reading /proc/PID/task.
//
// SPDX-License-Identifier: MIT
#include "processes/threads.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "processes/proc_path.h"

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
  std::ifstream file(
      proc_path(process, "/task/" + std::to_string(thread) + '/' + name));
  return {std::istreambuf_iterator<char>(file), {}};
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

std::string thread_text(pid_t process, pid_t thread)
{
  std::string name = thread_file(process, thread, "comm");
  while (!name.empty() && name.back() == '\n')
    name.pop_back();
  return "thread " + std::to_string(thread) + " (" + name + ')';
}

}  // namespace hotpatch
