// Which signals the program uses without a handler: it blocks them, waits for
// them with sigwaitinfo(2) or signalfd(2), or has a timer that sends them.
//
// Such a signal must not stop threads: a thread that blocks it does not stop,
// and one that waits for it gets an event that the program never sent.  Whether
// there is a handler is not asked here.  Nor is a notification of mq_notify(3)
// or a message of another process that is yet to come: the kernel does not list
// them.  But who expects one without a handler blocks the signal, or the
// process would die of it.
//
// Asked before a stop, while the threads run; allocates nothing but pages,
// takes no lock.  One user at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_SIGNAL_USE_H
#define HOTPATCH_RUNTIME_SIGNAL_USE_H

#include <cstdint>
#include <sys/types.h>

namespace hotpatch {

// Bit n-1 is signal n, as in the kernel's masks.
using signal_mask = std::uint64_t;

constexpr signal_mask mask_of(int signal) noexcept
{
  return signal_mask{1} << (signal - 1);
}

// Real-time signals that the C library leaves to programs.
constexpr int first_free_signal = 34;
constexpr int highest_signal = 64;
constexpr signal_mask free_signals = ~signal_mask{0} << (first_free_signal - 1);

// By any thread that there is now.  A thread that blocks all of free_signals,
// for a moment or for ever, does not count as a user of each: nothing else
// could be chosen then, and the stop will name it.  `own`: signals of the
// library's, which are no use of the program if they are pending.
signal_mask used_signals(signal_mask own) noexcept;

// The same by those threads only that no call has looked at before.
signal_mask newly_used_signals(signal_mask own) noexcept;

// Whether the thread waits for the signal at this moment.
bool waits_for_signal(pid_t thread, int signal) noexcept;

// A thread of the library's own follows the signal that stops threads and is no
// user of those that it blocks.  0: there is none.
void set_following_thread(pid_t thread) noexcept;

}  // namespace hotpatch

#endif
