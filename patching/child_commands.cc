// Starting commands, waiting for them, and ending them.
//
// SPDX-License-Identifier: MIT
#include "patching/child_commands.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "patching/source_tree.h"

namespace hotpatch::patching {

namespace {

constexpr int ending_signals[] = {SIGINT, SIGTERM, SIGHUP};

sigset_t watched_set()
{
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : ending_signals)
    sigaddset(&set, signal);
  sigaddset(&set, SIGCHLD);
  return set;
}

constexpr int cannot_run = 127;

// In the child.  What goes wrong is said where the command's output goes.
[[noreturn]] void become(const child_command& command, const sigset_t& signals,
                         pid_t parent)
{
  const auto fail = [](const std::string& what) {
    const std::string text = what + ": " + std::strerror(errno) + "\n";
    [[maybe_unused]] const ssize_t written =
        write(STDERR_FILENO, text.data(), text.size());
    _exit(cannot_run);
  };
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent)
    _exit(cannot_run);
  const int nothing = open("/dev/null", O_RDONLY);
  dup2(nothing, STDIN_FILENO);
  if (!command.log.empty()) {
    const int log = open(command.log.c_str(),
                         O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log < 0)
      fail(command.log);
    dup2(log, STDERR_FILENO);
  }
  dup2(STDERR_FILENO, STDOUT_FILENO);
  if (!command.directory.empty() && chdir(command.directory.c_str()) != 0)
    fail(command.directory);
  for (const auto& [name, value] : command.environment)
    value == nullptr ? unsetenv(name.c_str()) : setenv(name.c_str(), value, 1);
  std::vector<char*> arguments;
  for (const std::string& each : command.arguments)
    arguments.push_back(const_cast<char*>(each.c_str()));
  arguments.push_back(nullptr);
  sigprocmask(SIG_SETMASK, &signals, nullptr);
  execvp(arguments[0], arguments.data());
  fail(command.arguments[0]);
  _exit(cannot_run);
}

class running_commands {
 public:
  running_commands(std::span<const child_command> commands, std::size_t at_once,
                   const std::function<void()>& progress)
      : commands_(commands),
        at_once_(std::max<std::size_t>(at_once, 1)),
        progress_(progress),
        results_(commands.size())
  {
    const sigset_t set = watched_set();
    sigprocmask(SIG_BLOCK, &set, &before_);
  }
  running_commands(const running_commands&) = delete;
  running_commands& operator=(const running_commands&) = delete;

  ~running_commands()
  {
    end_all();
    sigprocmask(SIG_SETMASK, &before_, nullptr);
  }

  std::vector<int> run()
  {
    while (next_ < commands_.size() || !running_.empty()) {
      while (next_ < commands_.size() && running_.size() < at_once_)
        start();
      wait();
      if (progress_)
        progress_();
    }
    return results_;
  }

 private:
  struct child {
    pid_t pid;
    std::size_t number;
  };

  void start()
  {
    const pid_t parent = getpid();
    // What was blocked by waiting_signals is not for the command.
    sigset_t signals = before_;
    for (const int signal : ending_signals)
      sigdelset(&signals, signal);
    const pid_t pid = fork();
    if (pid < 0)
      throw tool_error(std::string("no process can be started: ") +
                       std::strerror(errno));
    if (pid == 0)
      become(commands_[next_], signals, parent);
    setpgid(pid, pid);
    running_.push_back({pid, next_++});
  }

  void wait()
  {
    const sigset_t set = watched_set();
    constexpr timespec limit{0, 200'000'000};
    const int signal = sigtimedwait(&set, nullptr, &limit);
    if (signal > 0 && signal != SIGCHLD)
      throw interrupted(signal);
    reap();
  }

  void reap()
  {
    std::erase_if(running_, [this](const child& each) {
      int status = 0;
      if (waitpid(each.pid, &status, WNOHANG) != each.pid)
        return false;
      results_[each.number] =
          WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      return true;
    });
  }

  // First politely: make(1) removes what it has half made.
  void end_all()
  {
    for (const child& each : running_)
      kill(-each.pid, SIGTERM);
    const sigset_t set = watched_set();
    for (int tenths = 0; tenths < 50 && !running_.empty(); ++tenths) {
      constexpr timespec limit{0, 100'000'000};
      sigtimedwait(&set, nullptr, &limit);
      reap();
    }
    for (const child& each : running_) {
      kill(-each.pid, SIGKILL);
      waitpid(each.pid, nullptr, 0);
    }
    running_.clear();
  }

  std::span<const child_command> commands_;
  const std::size_t at_once_;
  const std::function<void()>& progress_;
  std::vector<int> results_;
  std::vector<child> running_;
  std::size_t next_ = 0;
  sigset_t before_;
};

}  // namespace

interrupted::interrupted(int signal)
    : tool_error(std::string("ended by ") + strsignal(signal) +
                 "; nothing was made"),
      signal_(signal)
{
}

waiting_signals::waiting_signals()
{
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : ending_signals)
    sigaddset(&set, signal);
  sigprocmask(SIG_BLOCK, &set, &before_);
}

waiting_signals::~waiting_signals()
{
  sigprocmask(SIG_SETMASK, &before_, nullptr);
}

std::vector<int> run_commands(std::span<const child_command> commands,
                              std::size_t at_once,
                              const std::function<void()>& progress)
{
  return running_commands(commands, at_once, progress).run();
}

int run_command(const child_command& command)
{
  return run_commands({&command, 1})[0];
}

void run_checked(const child_command& command, const std::string& what)
{
  const int status = run_command(command);
  if (status == 0)
    return;
  std::string said =
      command.log.empty() ? "" : read_whole_file(command.log).value_or("");
  while (said.ends_with('\n'))
    said.pop_back();
  throw tool_error(what + ": " + command.arguments[0] + " ended with status " +
                   std::to_string(status) + (said.empty() ? "" : ":\n" + said));
}

std::size_t processors()
{
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0)
    return 1;
  return static_cast<std::size_t>(std::max(CPU_COUNT(&set), 1));
}

std::string shell_text(std::span<const std::string> arguments)
{
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
      "%+,-./:=@_";
  std::string text;
  for (const std::string& each : arguments) {
    text += text.empty() ? "" : " ";
    if (!each.empty() && each.find_first_not_of(plain) == std::string::npos) {
      text += each;
      continue;
    }
    text += '\'';
    for (const char c : each)
      text += c == '\'' ? std::string("'\\''") : std::string(1, c);
    text += '\'';
  }
  return text;
}

}  // namespace hotpatch::patching
