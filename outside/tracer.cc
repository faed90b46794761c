// Seizing threads, signals of this process, and threads that are late.
//
// SPDX-License-Identifier: MIT
#include "outside/tracer.h"

#include <algorithm>
#include <cerrno>
#include <initializer_list>
#include <list>
#include <set>
#include <utility>

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "outside/tracee.h"
#include "runtime/base/countermeasure.h"

namespace hotpatch::outside {

// A timer whose signal waits for what has ended.

namespace {

constexpr suseconds_t first_us = 50'000;
constexpr suseconds_t then_us = 10'000;

// The kernel makes the call that it interrupts once more, whatever the handler
// is (ERESTARTNOINTR).
void wait_for_ended(int)
{
  const int error = errno;
  siginfo_t which;
  do
    which.si_pid = 0;
  while (waitid(P_ALL, 0, &which, WEXITED | WNOHANG | __WALL) == 0 &&
         which.si_pid != 0);
  errno = error;
}

// Puts back the timer and the handler that were there.
class reaping {
 public:
  reaping()
  {
    struct sigaction action = {};
    action.sa_handler = wait_for_ended;
    sigaction(SIGALRM, &action, &old_action_);
    const itimerval timer = {{0, then_us}, {0, first_us}};
    setitimer(ITIMER_REAL, &timer, &old_timer_);
  }
  ~reaping()
  {
    setitimer(ITIMER_REAL, &old_timer_, nullptr);
    sigaction(SIGALRM, &old_action_, nullptr);
  }
  reaping(const reaping&) = delete;
  reaping& operator=(const reaping&) = delete;

 private:
  struct sigaction old_action_;
  itimerval old_timer_;
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
  bool done = false;
  int error = 0;
  {
    const reaping meanwhile;
    done = seize_only(thread, options);
    error = errno;
  }
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
