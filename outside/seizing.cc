// A timer whose signal waits for what has ended.
//
// SPDX-License-Identifier: MIT
#include "outside/seizing.h"

#include <cerrno>

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "runtime/base/countermeasure.h"

namespace hotpatch::outside {

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

}  // namespace hotpatch::outside
