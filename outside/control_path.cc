// Looking through the kernel's list of sockets.
//
// SPDX-License-Identifier: MIT
#include "outside/control_path.h"

#include <set>
#include <sstream>
#include <string_view>

#include <sys/stat.h>

#include "format/control_protocol.h"
#include "processes/proc_file.h"
#include "processes/threads.h"

namespace hotpatch::outside {

namespace {

// As many connections as there may be, and as many of them as are tried: all
// other processes have sockets, too, and may have made them to be in the way.
constexpr std::size_t most_bytes = std::size_t{256} << 20;
constexpr std::size_t most_paths = 32;

// The process's own number, in the innermost PID namespace.
std::string own_number(const std::string& status)
{
  const std::string numbers = status_field(status, "NSpid");
  return numbers.substr(numbers.rfind('\t') + 1);
}

// A process makes its socket as itself, or before it gave up being root.
std::set<uid_t> possible_owners(const std::string& status)
{
  std::set<uid_t> owners = {0};
  std::istringstream numbers(status_field(status, "Uid"));
  for (uid_t each; numbers >> each;)
    owners.insert(each);
  return owners;
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
std::vector<std::string> usual_paths(pid_t process, const std::string& status)
{
  constexpr std::string_view listening = "00010000";  // __SO_ACCEPTCON
  const std::string number = own_number(status);
  const std::string end = '/' +
                          (number.empty() ? std::to_string(process) : number) +
                          format::control_suffix;
  std::vector<std::string> found;
  read_proc_lines(memory_path(process, "/net/unix"), most_bytes,
                  [&](const std::string& line) {
                    if (!line.ends_with(end))  // there may be thousands
                      return proc_line::more;
                    std::istringstream columns(line);
                    std::string ignored;
                    std::string flags;
                    std::string path;
                    columns >> ignored >> ignored >> ignored >> flags >>
                        ignored >> ignored >> ignored >> std::ws;
                    std::getline(columns, path);
                    if (flags == listening && is_in_usual_directory(path))
                      found.push_back(path);
                    return found.size() < most_paths ? proc_line::more
                                                     : proc_line::enough;
                  });
  return found;
}

bool belongs_to(const std::string& path, const std::set<uid_t>& owners)
{
  struct stat about;
  return stat(path.c_str(), &about) == 0 && S_ISSOCK(about.st_mode) &&
         owners.contains(about.st_uid);
}

}  // namespace

std::vector<std::string> control_paths(pid_t process, const std::string& stated)
{
  const std::string status =
      read_proc_file(proc_path(process, "/status")).value_or("");
  const std::string root = memory_path(process, "/root");
  const std::vector<std::string> seen =
      stated.empty() ? usual_paths(process, status) : std::vector{stated};
  const std::set<uid_t> owners = possible_owners(status);
  std::vector<std::string> paths;
  for (const std::string& each : seen)
    for (const std::string& path : {root + each, each})
      if (!stated.empty() || belongs_to(path, owners))
        paths.push_back(path);
  return paths;
}

}  // namespace hotpatch::outside
