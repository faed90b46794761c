// fork(2), a pipe, and waiting.
//
// SPDX-License-Identifier: MIT
#include "tools/process_tasks.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <new>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "processes/errors.h"
#include "processes/proc_file.h"
#include "runtime/base/countermeasure.h"
#include "runtime/base/deadline.h"
#include "runtime/base/file_descriptor.h"
#include "runtime/base/page_size.h"

namespace hotpatch::tools {

namespace {

// Until then nothing else is begun: mostly only one works at a time.
constexpr std::int64_t moment_ms = 200;

constexpr std::size_t most_running = 32;
constexpr std::size_t most_bytes = std::size_t{16} << 20;

// Beyond what the tool has anyway; what is mapped from files does not count.
constexpr rlim_t most_memory = rlim_t{1} << 30;

constexpr char came_to_its_end = '+';
constexpr char threw = '-';

void limit_memory()
{
  // statm in proc(5): the sixth number is that of pages with data.
  const std::string sizes = read_proc_file("/proc/self/statm").value_or("");
  unsigned long pages = 0;
  if (std::sscanf(sizes.c_str(), "%*u %*u %*u %*u %*u %lu", &pages) != 1)
    return;
  const rlim_t most = pages * page_size + most_memory;
  rlimit limit;
  if (getrlimit(RLIMIT_DATA, &limit) != 0 || limit.rlim_cur <= most)
    return;
  limit.rlim_cur = most;
  setrlimit(RLIMIT_DATA, &limit);
}

void write_all(int descriptor, const std::string& text)
{
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t done = write(descriptor, text.data() + at, text.size() - at);
    if (done < 0 && errno != EINTR)
      return;
    at += static_cast<std::size_t>(std::max<ssize_t>(done, 0));
  }
}

// Its message, or words for what has none.
std::string words_of_exception()
{
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return "there is no memory for what has to be read of it";
  } catch (const std::exception& failure) {
    return failure.what();
  } catch (...) {
    return "an unknown exception was thrown";
  }
}

std::string words_of_signal(int signal)
{
  if (signal == SIGBUS)
    return "a file became shorter while it was read; replace files by renaming "
           "new ones over them";
  return "the work on it was ended by signal " + std::to_string(signal) + " (" +
         strsignal(signal) + ')';
}

[[noreturn]] void run_in_child(process_tasks::work& what, int pipe)
{
  signal(SIGBUS, SIG_DFL);  // the parent has words for it
  constexpr rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  limit_memory();
  std::string back;
  std::string text(1, came_to_its_end);
  int status = 0;
  try {
    status = what(back);
    text += back;
  } catch (...) {
    text = threw + words_of_exception();
  }
  std::fflush(nullptr);
  write_all(pipe, text);
  _exit(status);
}

}  // namespace

class process_tasks::task {
 public:
  // `pipe` is what the child's words come out of, and the task's from now on.
  task(int pipe, deadline until, done then)
      : pipe_(pipe), until_(until), then_(std::move(then))
  {
  }
  task(const task&) = delete;
  task& operator=(const task&) = delete;
  ~task()
  {
    if (child_ > 0) {
      kill(child_, SIGKILL);
      reap();
    }
  }

  void has(pid_t child) { child_ = child; }
  int descriptor() const { return pipe_.get(); }
  deadline until() const { return until_; }

  // False when there will be no more.
  bool read_some()
  {
    char bytes[16384];
    const ssize_t got = ::read(pipe_.get(), bytes, sizeof bytes);
    if (got < 0)
      return errno == EINTR || errno == EAGAIN;
    text_.append(bytes, static_cast<std::size_t>(got));
    return got > 0 && text_.size() <= most_bytes;
  }

  // Ends it, if it has not ended itself.
  void end(const std::string& reason)
  {
    task_result result;
    if (!reason.empty() || text_.size() > most_bytes)
      kill(child_, SIGKILL);
    const int status = reap();
    if (!reason.empty())
      result.failure = reason;
    else if (text_.size() > most_bytes)
      result.failure = "there is too much to print about it";
    else if (WIFSIGNALED(status))
      result.failure = words_of_signal(WTERMSIG(status));
    else if (text_.empty())
      result.failure = "the work on it was broken off";
    else if (text_[0] == threw)
      result.failure = text_.substr(1);
    result.was_cut_off =
        !result.failure.empty() && (text_.empty() || text_[0] != threw);
    result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    result.back = text_.empty() ? "" : text_.substr(1);
    then_(result);
  }

 private:
  int reap()
  {
    int status = 0;
    while (waitpid(child_, &status, 0) < 0 && errno == EINTR)
      continue;
    child_ = 0;
    return status;
  }

  pid_t child_ = 0;
  file_descriptor pipe_;
  deadline until_;
  done then_;
  std::string text_;
};

process_tasks::process_tasks(std::int64_t time_ms) : time_ms_(time_ms) {}

process_tasks::~process_tasks() = default;

// What tests compare with: in this very process.
void process_tasks::run_here(work& what, done& then)
{
  task_result result;
  try {
    result.status = what(result.back);
  } catch (...) {
    result.failure = words_of_exception();
  }
  then(result);
}

void process_tasks::launch(work& what, done& then)
{
  int pipe[2];
  if (pipe2(pipe, O_CLOEXEC) != 0)
    throw tool_error(std::string("there can be no pipe: ") +
                     std::strerror(errno));
  const file_descriptor end(pipe[1]);
  fcntl(pipe[0], F_SETFL, O_NONBLOCK);
  auto made = std::make_unique<task>(
      pipe[0], deadline::in_milliseconds(time_ms_), std::move(then));
  std::fflush(nullptr);
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child == 0) {
    // Killing the tool kills all of it.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
      _exit(0);
    run_in_child(what, end.get());
  }
  if (child < 0)
    throw tool_error(std::string("there can be no other process: ") +
                     std::strerror(errno));
  made->has(child);
  running_.push_back(std::move(made));
}

void process_tasks::start(work what, done then)
{
  if (!HP_COUNTERMEASURE(task_in_child)) {
    run_here(what, then);
    return;
  }
  while (running_.size() >= most_running)
    wait(moment_ms);
  launch(what, then);
  const task* const ours = running_.back().get();
  const deadline moment = deadline::in_milliseconds(moment_ms);
  while (!moment.passed() &&
         std::any_of(running_.begin(), running_.end(),
                     [&](const auto& each) { return each.get() == ours; }))
    wait(moment_ms);
}

void process_tasks::wait(std::int64_t milliseconds)
{
  constexpr std::int64_t millisecond = 1'000'000;
  deadline until = deadline::in_milliseconds(milliseconds);
  std::vector<pollfd> sources;
  for (const auto& each : running_) {
    sources.push_back({each->descriptor(), POLLIN, 0});
    until = until.or_earlier(each->until());
  }
  poll(sources.data(), sources.size(),
       static_cast<int>(until.left() / millisecond + 1));
  for (std::size_t i = sources.size(); i-- > 0;) {
    const bool goes_on = sources[i].revents == 0 || running_[i]->read_some();
    if (goes_on && !running_[i]->until().passed())
      continue;
    const std::unique_ptr<task> ended = std::move(running_[i]);
    running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(i));
    ended->end(goes_on ? "it took longer than " +
                             std::to_string(time_ms_ / 1000) + " seconds"
                       : "");
  }
}

}  // namespace hotpatch::tools
