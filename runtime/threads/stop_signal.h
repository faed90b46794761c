// Which signal stops threads, and its handler's place in the process.
//
// Invariant: once a signal has been chosen its handler stays installed, because
// a thread that blocked the signal may receive it long after the stop.  Used
// under the lock of the thread layer, except where it says otherwise.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_STOP_SIGNAL_H
#define HOTPATCH_RUNTIME_STOP_SIGNAL_H

#include <csignal>
#include <cstdint>

#include "runtime/base/file_descriptor.h"
#include "runtime/include/hotpatch.h"

namespace hotpatch {

// A signal's action as the kernel keeps it, past the C library: no interposer
// or sanitizer delays or wraps a handler that is installed so.
//
// Any thread; async-signal-safe.

using signal_handler = void (*)(int, siginfo_t*, void*);

// What rt_sigaction(2) takes; the C library's structure is another one.
struct signal_action {
  signal_handler handler = nullptr;  // null: SIG_DFL
  std::uint64_t flags = 0;
  void (*restorer)() = nullptr;
  std::uint64_t mask = 0;

  bool operator==(const signal_action&) const = default;
};

signal_action action_of(int signal) noexcept;

// False: the system refuses it.
bool set_action(int signal, const signal_action& action) noexcept;

// An action with a handler that takes three arguments.
signal_action handled_by(signal_handler handler, int flags,
                         std::uint64_t mask) noexcept;

// The signal to send now, with `handler` installed for it: the one asked for by
// request_stop_signal() or HOTPATCH_SIGNAL, otherwise the highest real-time
// signal that the program does not use (signal_use.h).  Another one takes its
// place when the program has given it a handler, or a thread that began since
// blocks it or waits for it.  0 with the status in `status` when there is none.
int ready_stop_signal(signal_handler handler, hp_status& status) noexcept;

// Whether the program has chosen it, and not the library.
bool is_chosen_stop_signal(int signal) noexcept;

// A stop has met a thread that uses the signal: the next one takes another
// signal.  False: the program has chosen this one, so there is no other.
bool give_up_stop_signal(int signal) noexcept;

// Uses this signal from now on; 0: choose by itself.  HP_INVALID when it is
// none that a handler can have, or when the program has a handler for it.
hp_status request_stop_signal(int signal) noexcept;

// For a thread of the library's own, which blocks all signals but that: the one
// in use, 0 while none is.  Any thread.
int current_stop_signal() noexcept;

// From now on a byte is written to this pipe whenever that has changed; null:
// to none.
void tell_stop_signal(const noted_descriptor* socket) noexcept;

}  // namespace hotpatch

#endif
