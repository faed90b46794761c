// Reading /proc/PID/stat, and pidfd_open(2).
//
// SPDX-License-Identifier: MIT
#include "processes/incarnation.h"

#include <string>
#include <string_view>

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "processes/errors.h"
#include "processes/proc_file.h"
#include "processes/process_list.h"
#include "processes/text.h"
#include "runtime/base/number.h"

namespace hotpatch {

namespace {

// Numbers of fields in proc(5), of which the command is the second.
constexpr int state_field = 3;
constexpr int parent_field = 4;
constexpr int threads_field = 20;
constexpr int start_field = 22;
constexpr int stack_field = 28;

struct process_stat {
  char state = 0;
  pid_t parent = 0;
  std::uint64_t threads = 0;
  incarnation run;

  // A first thread that has ended before the others is a zombie, too.
  bool has_ended() const
  {
    return (state == 'Z' || state == 'X') && threads <= 1;
  }
};

std::optional<process_stat> read_stat(const std::string& path)
{
  const auto text = read_proc_file(path);
  if (!text)
    return {};
  // A command may hold blanks and parentheses itself.
  const std::size_t command_end = text->rfind(") ");
  if (command_end == std::string::npos)
    return {};
  process_stat found;
  std::size_t at = command_end + 2;
  for (int field = state_field; field <= stack_field; ++field) {
    const std::size_t end = text->find(' ', at);
    if (end == std::string::npos)
      return {};
    const std::string_view field_text(text->data() + at, end - at);
    const std::uint64_t value =
        parse_number<std::uint64_t>(field_text).value_or(0);
    if (field == state_field)
      found.state = (*text)[at];
    if (field == parent_field)
      found.parent = static_cast<pid_t>(value);
    if (field == threads_field)
      found.threads = value;
    if (field == start_field)
      found.run.start = value;
    if (field == stack_field)
      found.run.stack = value;
    at = end + 1;
  }
  // 0 and 1 stand for what may not be seen (do_task_stat() in fs/proc/array.c).
  if (found.run.stack <= 1)
    found.run.stack = 0;
  return found;
}

std::optional<process_stat> stat_of(pid_t process)
{
  auto found = read_stat(proc_path(process, "/stat"));
  if (!found || found->run.stack != 0 || found->threads <= 1)
    return found;
  // The memory of a first thread that has ended is seen at the others.
  for (const pid_t thread : threads_of(process)) {
    const auto other = read_stat(
        proc_path(process, "/task/" + std::to_string(thread)) + "/stat");
    if (other && other->run.stack != 0) {
      found->run.stack = other->run.stack;
      break;
    }
  }
  return found;
}

bool is_readable(int descriptor)
{
  pollfd source = {descriptor, POLLIN, 0};
  return poll(&source, 1, 0) == 1;
}

}  // namespace

std::optional<incarnation> incarnation_of(pid_t process)
{
  const auto found = stat_of(process);
  if (!found || found->has_ended() || found->run.stack == 0)
    return {};
  return found->run;
}

pid_t memory_owner(pid_t process)
{
  pid_t owner = 0;
  for (;;) {
    const auto child = stat_of(process);
    if (!child || child->parent == 0 ||
        !share_memory(memory_thread(process), memory_thread(child->parent)))
      return owner;
    // A number that was used again in between would compare something else.
    const auto now = stat_of(process);
    if (!now || now->run != child->run)
      return owner;
    owner = process = child->parent;
  }
}

process_handle::process_handle(pid_t process)
    : process_(process),
      descriptor_(static_cast<int>(syscall(SYS_pidfd_open, process, 0)))
{
  const auto found = stat_of(process);
  if (found && found->has_ended())
    throw no_process(process_text(process) +
                     " has ended and only waits for its parent to notice (a "
                     "zombie); it has no memory left to look at");
  if (!found || (descriptor_ && is_readable(descriptor_.get())))
    throw no_process(process_text(process) + ": there is no such process");
  run_ = found->run;
}

bool process_handle::is_alive() const
{
  // pidfd_open(2): readable when the process has ended.
  if (descriptor_ && is_readable(descriptor_.get()))
    return false;
  const auto found = stat_of(process_);
  return found && !found->has_ended() && found->run.start == run_.start;
}

bool process_handle::runs_the_same() const
{
  const auto found = stat_of(process_);
  return found && found->run == run_ && is_alive();
}

pid_t process_of_pidfd(int descriptor)
{
  const auto text =
      read_proc_file("/proc/self/fdinfo/" + std::to_string(descriptor));
  if (!text || is_readable(descriptor))
    return 0;
  return parse_process_id(status_field('\n' + *text, "Pid")).value_or(0);
}

}  // namespace hotpatch
