// Reading /proc/PID/stat.
//
// SPDX-License-Identifier: MIT
#include "processes/incarnation.h"

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include "processes/proc_path.h"

namespace hotpatch {

namespace {

// Numbers of fields in proc(5), of which the command is the second.
constexpr int state_field = 3;
constexpr int start_field = 22;
constexpr int stack_field = 28;

}  // namespace

std::optional<incarnation> incarnation_of(pid_t process)
{
  std::ifstream file(proc_path(process, "/stat"));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  // A command may hold blanks and parentheses itself.
  const std::size_t command_end = text.rfind(") ");
  if (command_end == std::string::npos)
    return {};
  std::istringstream fields(text.substr(command_end + 2));
  std::string value;
  incarnation found;
  for (int field = state_field; field <= stack_field && fields >> value;
       ++field) {
    if (field == state_field && value == "Z")
      return {};
    if (field == start_field)
      found.start = std::stoull(value);
    if (field == stack_field)
      found.stack = std::stoull(value);
  }
  // 0 and 1 stand for what may not be seen (do_task_stat() in fs/proc/array.c).
  if (found.stack <= 1)
    return {};
  return found;
}

}  // namespace hotpatch
