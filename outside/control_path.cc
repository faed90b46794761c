// Looking through the kernel's list of sockets.
//
// SPDX-License-Identifier: MIT
#include "outside/control_path.h"

#include <fstream>
#include <sstream>
#include <string_view>

#include "format/control_protocol.h"
#include "processes/proc_path.h"

namespace hotpatch::outside {

namespace {

// The process's own number, in the innermost PID namespace; 0: unknown.
std::string own_number(pid_t process)
{
  std::ifstream status(proc_path(process, "/status"));
  constexpr std::string_view key = "NSpid:";
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with(key))
      continue;
    std::istringstream numbers(line.substr(key.size()));
    std::string last;
    for (std::string each; numbers >> each;)
      last = each;
    return last;
  }
  return std::to_string(process);
}

// ".../hotpatch/NUMBER.sock", ".../hotpatch-1000/NUMBER.sock"
bool is_in_usual_directory(std::string_view path)
{
  const std::string_view directory = path.substr(0, path.rfind('/'));
  const std::size_t above = directory.rfind('/');
  return above != std::string_view::npos &&
         directory.substr(above + 1).starts_with(format::control_directory);
}

// In the network namespace of the process, unix(7); the columns are
// "Num RefCount Protocol Flags Type St Inode Path".
std::vector<std::string> usual_paths(pid_t process)
{
  constexpr std::string_view listening = "00010000";  // __SO_ACCEPTCON
  const std::string end = '/' + own_number(process) + format::control_suffix;
  std::ifstream list(proc_path(process, "/net/unix"));
  std::vector<std::string> found;
  for (std::string line; std::getline(list, line);) {
    if (!line.ends_with(end))  // there may be thousands
      continue;
    std::istringstream columns(line);
    std::string ignored;
    std::string flags;
    std::string path;
    columns >> ignored >> ignored >> ignored >> flags >> ignored >> ignored >>
        ignored >> std::ws;
    std::getline(columns, path);
    if (flags == listening && is_in_usual_directory(path))
      found.push_back(path);
  }
  return found;
}

}  // namespace

std::vector<std::string> control_paths(pid_t process, const std::string& stated)
{
  const std::string root = proc_path(process, "/root");
  const std::vector<std::string> seen =
      stated.empty() ? usual_paths(process) : std::vector{stated};
  std::vector<std::string> paths;
  for (const std::string& each : seen) {
    paths.push_back(root + each);
    paths.push_back(each);
  }
  return paths;
}

}  // namespace hotpatch::outside
