// Asking threads to stand still, waiting for them, and finding out why one does
// not.
//
// SPDX-License-Identifier: MIT
#include "runtime/threads/thread_gathering.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "runtime/base/countermeasure.h"
#include "runtime/base/status.h"
#include "runtime/base/system_call.h"
#include "runtime/threads/signal_use.h"
#include "runtime/threads/stop_gate.h"
#include "runtime/threads/stop_signal.h"
#include "runtime/threads/thread_list.h"

namespace hotpatch {

// What can keep a thread from being stopped, in words.

hp_status stop_obstacle::report() const noexcept
{
  switch (why) {
    case reason::none:
      return HP_OK;
    case reason::blocks_signal:
      return fail(HP_BUSY,
                  "thread %d (%s) blocks signal %d, which would stop it: take "
                  "it out of the thread's signal mask, or choose another one "
                  "with hp_set_stop_signal() or HOTPATCH_SIGNAL",
                  thread, name, signal);
    case reason::uses_signal:
      return fail(HP_UNSUPPORTED,
                  "thread %d (%s) blocks or waits for signal %d, which was "
                  "chosen to stop threads: choose one that the program does "
                  "not use with hp_set_stop_signal() or HOTPATCH_SIGNAL",
                  thread, name, signal);
    case reason::in_kernel:
      return fail(HP_BUSY,
                  "thread %d (%s) is in a system call that the kernel does not "
                  "interrupt (vfork before exec, or a device): try again later",
                  thread, name);
    case reason::under_debugger:
      return fail(HP_BUSY,
                  "thread %d (%s) is held by a debugger: let it go on, or "
                  "detach the debugger",
                  thread, name);
    case reason::too_slow:
      return fail(HP_BUSY,
                  "thread %d (%s) did not stop in time; on a loaded machine "
                  "allow a longer timeout",
                  thread, name);
    case reason::no_queue:
      return fail(HP_BUSY,
                  "the kernel has no room to queue signal %d for thread %d "
                  "(%s): raise RLIMIT_SIGPENDING (ulimit -i), or choose a "
                  "signal below 32 with hp_set_stop_signal()",
                  signal, thread, name);
    case reason::not_listed:
      return fail(HP_BUSY,
                  "threads begin and end faster than /proc/self/task lists "
                  "them; allow a longer timeout");
    case reason::no_memory:
      return fail(HP_NO_MEMORY, "no memory for the list of threads");
    case reason::no_proc:
      return fail(HP_UNSUPPORTED,
                  "threads cannot be stopped without the list of them in "
                  "/proc/self/task: %s; mount /proc",
                  std::strerror(error));
    case reason::wrong_proc:
      return fail(HP_UNSUPPORTED,
                  "the /proc mounted here numbers threads for another PID "
                  "namespace: mount the one of this namespace");
    case reason::refused:
      return fail(HP_DENIED,
                  "the system refuses to send signal %d to thread %d (%s): %s "
                  "(a seccomp filter?)",
                  signal, thread, name, std::strerror(error));
  }
  return HP_INTERNAL;
}

namespace {

// The main thread has ended by pthread_exit() and stays listed as a zombie for
// as long as the process lives: looked for once, not in every stop.
constinit pid_t dead_leader = 0;

}  // namespace

bool thread_gathering::run(deadline until) noexcept
{
  // Threads react within microseconds, one after the other where there are many
  // of them, and later where the machine is loaded.  Looking into why one does
  // not costs more than waiting a little longer.
  constexpr std::int64_t first_wait = 200'000;
  constexpr std::int64_t wait_for_each = 20'000;
  constexpr std::int64_t longest_wait = 4'000'000;
  const pid_t listed_process = own_process_in_proc();
  if (listed_process < 0)
    give_up(reason::no_proc, 0, -listed_process);
  else if (listed_process != own_process_)
    give_up(reason::wrong_proc, 0);
  if (hopeless())
    return false;

  std::int64_t patience = first_wait;
  bool examined = false;
  for (;;) {
    collect();
    if (all_answered() || take_listing())
      return true;
    if (!HP_COUNTERMEASURE(list_again)) {
      wait(first_wait, until);
      return true;
    }
    if (hopeless())
      return false;
    if (until.passed() && (examined || running_ == 0)) {
      give_up(likely_, likely_thread_);
      return false;
    }
    if (running_ == 0)
      continue;  // the listing was incomplete: take another one
    wait(patience + wait_for_each * static_cast<std::int64_t>(running_), until);
    if (running_ != 0) {
      examine_suspects();
      examined = true;
      patience = std::min(patience * 2, longest_wait);
    }
  }
}

// A thread that stands neither ends nor begins another thread, so when these
// are as many as there are, they are all.
bool thread_gathering::all_answered() noexcept
{
  return !hopeless() &&
         (HP_COUNTERMEASURE(count_threads) ? answered_ + 1 == count_threads()
                                           : answered_ != 0);
}

bool thread_gathering::take_listing() noexcept
{
  listed_ = running_ = suspect_count_ = 0;
  complete_ = true;
  std::size_t counted = 0;
  const int error = list_threads(
      [](pid_t thread, void* self) {
        static_cast<thread_gathering*>(self)->meet(thread);
      },
      this, counted);
  if (error != 0)
    give_up(reason::no_proc, 0, error);
  return !hopeless() && running_ == 0 && complete_ && listed_ == counted;
}

void thread_gathering::meet(pid_t thread) noexcept
{
  ++listed_;
  if (thread == own_thread_ || hopeless())
    return;
  thread_table::entry* const entry = threads_.find_or_add(thread);
  if (entry == nullptr) {
    give_up(reason::no_memory, thread);
    return;
  }
  if (entry->standing == thread_standing::unknown &&
      ((thread == own_process_ && dead_leader == own_process_) ||
       is_sanitizer_thread(thread)))
    entry->standing = thread_standing::never_stands;

  switch (entry->standing) {
    case thread_standing::unknown:
    case thread_standing::not_queued:
      ask(*entry);
      if (entry->standing != thread_standing::unknown)
        suspect(thread);
      break;
    case thread_standing::asked:
      suspect(thread);
      break;
    case thread_standing::still:
    case thread_standing::never_stands:
      break;
  }
}

void thread_gathering::ask(thread_table::entry& thread) noexcept
{
  const long sent =
      system_call(SYS_tgkill, own_process_, thread.thread, signal_);
  switch (-sent) {
    case 0:
      thread.standing = thread_standing::asked;
      break;
    case ESRCH:  // it has just ended: this listing is out of date
      complete_ = false;
      break;
    case EAGAIN:
      thread.standing = thread_standing::not_queued;
      complete_ = false;
      break;
    default:
      give_up(reason::refused, thread.thread, static_cast<int>(-sent));
      break;
  }
}

void thread_gathering::suspect(pid_t thread) noexcept
{
  ++running_;
  if (suspect_count_ < max_suspects)
    suspects_[suspect_count_++] = thread;
}

// Takes notice of who has entered the gate since the last time.
void thread_gathering::collect() noexcept
{
  const stopped_thread* const newest = inside_gate();
  for (const stopped_thread* each = newest; each != collected_;
       each = each->next) {
    thread_table::entry* const entry = threads_.find_or_add(each->thread);
    if (entry == nullptr) {
      give_up(reason::no_memory, each->thread);
      return;
    }
    if (entry->standing == thread_standing::asked) {
      ++answered_;
      running_ -= running_ != 0;
    }
    entry->standing = thread_standing::still;
    ++standing_;
  }
  collected_ = newest;
}

// Until those that ran at the last listing stand still.
void thread_gathering::wait(std::int64_t nanoseconds, deadline until) noexcept
{
  const deadline end = deadline::in_nanoseconds(nanoseconds).or_earlier(until);
  for (;;) {
    const std::uint32_t before = count_arrivals();
    collect();
    const std::int64_t left = end.left();
    if (running_ == 0 || left == 0 || hopeless())
      return;
    wait_for_arrivals(before, running_, left);
  }
}

void thread_gathering::examine_suspects() noexcept
{
  likely_ = reason::too_slow;
  for (std::size_t i = 0; i < suspect_count_ && !hopeless(); ++i)
    examine(suspects_[i]);
}

void thread_gathering::examine(pid_t thread) noexcept
{
  thread_table::entry* const entry = threads_.find_or_add(thread);
  if (entry == nullptr || entry->standing == thread_standing::still)
    return;
  if (entry->standing == thread_standing::not_queued) {
    blame(thread, reason::no_queue);
    return;
  }
  thread_status status;
  if (!read_thread_status(thread, status))
    return;  // it has ended; the next listing lacks it
  if (status.has_ended() || is_kernel_worker(thread, status)) {
    entry->standing = thread_standing::never_stands;
    if (thread == own_process_)
      dead_leader = own_process_;
    return;
  }
  if (uses_signal(thread, status)) {
    give_up(reason::uses_signal, thread);
    return;
  }
  if (!status.has_pending(signal_)) {
    // On its way into the handler; or it is another thread, which got the
    // number of the one that was asked.
    entry->standing = thread_standing::unknown;
    blame(thread, reason::too_slow);
  } else if (status.state == 't' || status.state == 'T') {
    blame(thread, reason::under_debugger);
  } else if (status.blocks(signal_)) {
    // A thread that has not left the handler since an earlier stop blocks it
    // as well.
    blame(thread, count_present() > standing_ ? reason::too_slow
                                              : reason::blocks_signal);
  } else {
    blame(thread, status.state == 'D' ? reason::in_kernel : reason::too_slow);
  }
}

// The thread would get events that were never sent.  One that blocks everything
// may do so for a moment, or stand in the handler still.
bool thread_gathering::uses_signal(pid_t thread,
                                   const thread_status& status) const noexcept
{
  return status.has_pending(signal_)
             ? status.blocks(signal_) &&
                   (~status.blocked & free_signals) != 0 &&
                   !is_chosen_stop_signal(signal_)
             : waits_for_signal(thread, signal_);
}

// For the message, the most telling of several reasons.
void thread_gathering::blame(pid_t thread, reason why) noexcept
{
  if (likely_ != reason::too_slow)
    return;
  likely_ = why;
  likely_thread_ = thread;
}

void thread_gathering::give_up(reason why, pid_t thread, int error) noexcept
{
  if (hopeless())
    return;
  failure_.why = why;
  failure_.thread = thread;
  failure_.signal = signal_;
  failure_.error = error;
  read_thread_name(thread, failure_.name);
}

}  // namespace hotpatch
