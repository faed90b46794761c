// Seizing threads, signals of this process, and threads that are late.
//
// SPDX-License-Identifier: MIT
#include "outside/tracer.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <initializer_list>
#include <list>
#include <mutex>
#include <set>
#include <utility>

#include <pthread.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "outside/tracee.h"
#include "runtime/base/countermeasure.h"

namespace hotpatch::outside {

namespace {

// A thread of this process that waits for what has ended while another one
// seizes a thread for long.  Any thread of a process may wait for its tracees
// (ptrace(2), "__WNOTHREAD" in waitpid(2)), so no signal is needed for that. It
// blocks all of them.
class reaper {
 public:
  // Never destroyed: its thread ends with the process.
  static reaper& instance()
  {
    static auto* const one = new reaper;
    return *one;
  }

  // False, with errno, if there can be no such thread.
  bool begin_seizing()
  {
    const std::lock_guard hold(lock_);
    if (!has_thread_ && !start_thread())
      return false;
    ++seizures_;
    if (std::exchange(sleeps_, false))
      begun_.notify_one();
    return true;
  }

  void end_seizing()
  {
    const std::lock_guard hold(lock_);
    ++seizures_;
  }

 private:
  static constexpr std::chrono::milliseconds interval{10};
  static constexpr int most_idle_intervals = 10;
  static constexpr std::size_t stack_size = 256 * 1024;

  bool start_thread()
  {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, stack_size);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    const int error = pthread_create(&thread, &attributes, run_of, this);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    pthread_attr_destroy(&attributes);
    has_thread_ = error == 0;
    errno = error;
    return has_thread_;
  }

  static void* run_of(void* self) { static_cast<reaper*>(self)->run(); }

  // Looks from time to time, so that to seize a thread, of which there may be
  // thousands, wakes no other one.
  [[noreturn]] void run()
  {
    std::unique_lock hold(lock_);
    for (int idle = 0;;) {
      if (idle == most_idle_intervals) {
        sleeps_ = true;
        begun_.wait(hold, [this] { return !sleeps_; });
        idle = 0;
      }
      const std::uint64_t before = seizures_;
      begun_.wait_for(hold, interval);
      const bool is_same = seizures_ == before;
      const bool goes_on = seizures_ % 2 != 0;
      if (is_same && goes_on)
        wait_for_ended();
      idle = is_same && !goes_on ? idle + 1 : 0;
    }
  }

  static void wait_for_ended()
  {
    siginfo_t which;
    do
      which.si_pid = 0;
    while (waitid(P_ALL, 0, &which, WEXITED | WNOHANG | __WALL) == 0 &&
           which.si_pid != 0);
  }

  std::mutex lock_;
  std::condition_variable begun_;
  std::uint64_t seizures_ = 0;  // begun and ended ones: odd while one goes on
  bool has_thread_ = false;
  bool sleeps_ = false;
};

bool seize_only(pid_t thread, long options)
{
  return ptrace(PTRACE_SEIZE, thread, nullptr,
                reinterpret_cast<void*>(options)) == 0;
}

}  // namespace

bool seize(pid_t thread, long options)
{
  if (!HP_COUNTERMEASURE(reap_while_seizing))
    return seize_only(thread, options);
  if (!reaper::instance().begin_seizing())
    return false;
  const bool done = seize_only(thread, options);
  const int error = errno;
  reaper::instance().end_seizing();
  errno = error;
  return done;
}

namespace {

constexpr std::int64_t second = 1'000'000'000;
constexpr std::int64_t longest_wait = 10'000'000;

// Never destroyed: what is traced when this process ends, the kernel lets go.
struct accounts {
  std::set<pid_t> traced;
  std::list<tracee> late;
  sigset_t mask_before;
  struct sigaction child_before;
};

accounts& books()
{
  static auto* const all = new accounts;
  return *all;
}

sigset_t set_of(std::initializer_list<int> signals)
{
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals)
    sigaddset(&set, signal);
  return set;
}

// False: a signal that this process handles came.
bool wait_for_child(std::int64_t nanoseconds)
{
  const sigset_t child = set_of({SIGCHLD});
  const timespec limit = {nanoseconds / second, nanoseconds % second};
  return sigtimedwait(&child, nullptr, &limit) == SIGCHLD || errno != EINTR;
}

}  // namespace

// Where SIGCHLD is ignored the kernel does not send it for a tracee.
void tracer::begins(pid_t thread)
{
  accounts& all = books();
  if (all.traced.empty()) {
    sigset_t kept_off = HP_COUNTERMEASURE(no_job_control)
                            ? set_of({SIGCHLD, SIGTSTP, SIGTTIN, SIGTTOU})
                            : set_of({SIGCHLD});
    pthread_sigmask(SIG_BLOCK, &kept_off, &all.mask_before);
    sigaction(SIGCHLD, nullptr, &all.child_before);
    struct sigaction sends = all.child_before;
    sends.sa_flags &= ~SA_NOCLDSTOP;
    if (sends.sa_handler == SIG_IGN)
      sends.sa_handler = SIG_DFL;
    sigaction(SIGCHLD, &sends, nullptr);
  }
  all.traced.insert(thread);
}

void tracer::ended(pid_t thread)
{
  accounts& all = books();
  if (all.traced.erase(thread) == 0 || !all.traced.empty())
    return;
  sigaction(SIGCHLD, &all.child_before, nullptr);
  pthread_sigmask(SIG_SETMASK, &all.mask_before, nullptr);
}

bool tracer::traces(pid_t thread)
{
  return books().traced.contains(thread);
}

void tracer::wait(deadline until)
{
  wait_for_child(std::min(until.left(), longest_wait));
  let_go_of_late();
}

void tracer::let_go_later(tracee&& thread)
{
  books().late.push_back(std::move(thread));
}

void tracer::let_go_of_late()
{
  auto& late = books().late;
  late.remove_if([](tracee& thread) { return thread.try_release(); });
}

pid_t tracer::late_of(pid_t process)
{
  for (const tracee& each : books().late)
    if (each.process() == process && tracer::traces(each.id()))
      return each.id();
  return 0;
}

void tracer::pause(std::int64_t nanoseconds)
{
  const deadline until = deadline::in_nanoseconds(nanoseconds);
  for (;;) {
    let_go_of_late();
    if (until.passed())
      return;
    if (books().late.empty()) {
      sleep_for(until.left());
      return;
    }
    if (!wait_for_child(std::min(until.left(), longest_wait)))
      return;
  }
}

}  // namespace hotpatch::outside
