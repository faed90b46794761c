// What /proc says of the signals of each thread, and of timers.
// SPDX-License-Identifier: MIT
#include "runtime/threads/signal_use.h"

#include <atomic>
#include <cstring>
#include <sys/uio.h>

#include "runtime/base/countermeasure.h"
#include "runtime/base/deadline.h"
#include "runtime/base/number.h"
#include "runtime/base/raw_file.h"
#include "runtime/threads/thread_list.h"
#include "runtime/threads/thread_table.h"

namespace hotpatch {

namespace {

constinit std::atomic<pid_t> following{0};

// Threads whose use of signals is known.  Kept from stop to stop, so that each
// thread is looked at once: a stop should not take longer for it.
constinit thread_table known;

// Copies from memory of this process that another thread may unmap.
bool copy_memory(std::uint64_t address, void* into, std::size_t size)
{
  const raw_file memory("/proc/thread-self/mem", O_RDONLY);
  if (memory)
    return memory.read_at(address, into, size) == static_cast<long>(size);
  // That file belongs to root if the process is not dumpable.
  const iovec local = {into, size};
  const iovec remote = {reinterpret_cast<void*>(address), size};
  return system_call(SYS_process_vm_readv, own_process_id(), &local, 1, &remote,
                     1, 0) == static_cast<long>(size);
}

// What the thread waits for in rt_sigtimedwait(2), which sigwait(3),
// sigwaitinfo(2) and sigtimedwait(2) are.  Its mask in /proc lacks these
// signals while it waits (do_sigtimedwait() in the kernel's kernel/signal.c).
signal_mask awaited_by(pid_t thread)
{
  thread_system_call call;
  if (!read_thread_system_call(thread, call) ||
      call.number != SYS_rt_sigtimedwait)
    return 0;
  signal_mask set = 0;
  return copy_memory(call.first_argument, &set, sizeof set) ? set
                                                            : ~signal_mask{0};
}

// The signals of timers that the program has made (timer_create(2)), armed or
// not; the file is described in proc(5).
signal_mask signals_of_timers()
{
  signal_mask used = 0;
  const raw_file timers("/proc/self/timers", O_RDONLY);
  if (!timers)
    return 0;
  raw_lines lines(timers);
  constexpr char label[] = "signal: ";
  while (const char* line = lines.next()) {
    if (std::strncmp(line, label, sizeof label - 1) != 0)
      continue;
    const char* at = line + sizeof label - 1;
    int signal = 0;
    if (take_number(at, line + std::strlen(line), signal) &&
        signal >= first_free_signal && signal <= highest_signal)
      used |= mask_of(signal);
  }
  return used;
}

class survey {
 public:
  survey(bool only_new, signal_mask own) noexcept
      : only_new_(only_new), own_(own)
  {
  }

  // A thread that blocks everything may do so for a moment, and wait for
  // signals in the next: some moments are given to it.
  signal_mask run() noexcept
  {
    const deadline end = deadline::in_milliseconds(2);
    constexpr std::int64_t between = 200'000;
    do {
      undecided_ = false;
      std::size_t counted = 0;
      if (list_threads(
              [](pid_t thread, void* self) {
                static_cast<survey*>(self)->meet(thread);
              },
              this, counted) != 0 ||
          !undecided_)
        break;
      // From now on those that are decided are known.
      only_new_ = true;
      sleep_for(between);
    } while (!end.passed());
    return used_;
  }

 private:
  void meet(pid_t thread) noexcept
  {
    if (thread == following || is_sanitizer_thread(thread))
      return;
    thread_table::entry* const entry = known.find_or_add(thread);
    if (entry != nullptr && only_new_ &&
        entry->standing != thread_standing::unknown)
      return;
    thread_status status;
    if (!read_thread_status(thread, status) || status.has_ended())
      return;
    const signal_mask awaited = awaited_by(thread);
    used_ |= awaited | ((status.pending | status.process_pending) & ~own_);
    const bool blocks_all =
        ((status.blocked | awaited) & free_signals) == free_signals;
    if (!blocks_all)
      used_ |= status.blocked;
    else if (awaited == 0 && thread != own_thread_id() &&
             !is_kernel_worker(thread, status)) {
      undecided_ = true;
      return;
    }
    if (entry != nullptr)
      entry->standing = thread_standing::still;
  }

  bool only_new_;
  bool undecided_ = false;
  const signal_mask own_;
  signal_mask used_ = 0;
};

}  // namespace

signal_mask used_signals(signal_mask own) noexcept
{
  if (!HP_COUNTERMEASURE(signals_in_use))
    return 0;
  return known.clear(known.size())
             ? survey(false, own).run() | signals_of_timers()
             : 0;
}

signal_mask newly_used_signals(signal_mask own) noexcept
{
  if (!HP_COUNTERMEASURE(signals_in_use))
    return 0;
  // Threads that have ended are forgotten now and then.
  constexpr std::size_t most_ended = 256;
  if (known.size() > 2 * count_threads() + most_ended)
    return used_signals(own);
  return survey(true, own).run();
}

bool waits_for_signal(pid_t thread, int signal) noexcept
{
  return HP_COUNTERMEASURE(signals_in_use) &&
         (awaited_by(thread) & mask_of(signal)) != 0;
}

void set_following_thread(pid_t thread) noexcept
{
  following = thread;
}

}  // namespace hotpatch
