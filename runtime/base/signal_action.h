// A signal's action as the kernel keeps it, past the C library: no interposer
// or sanitizer delays or wraps a handler that is installed so.
//
// Any thread; async-signal-safe.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_SIGNAL_ACTION_H
#define HOTPATCH_RUNTIME_SIGNAL_ACTION_H

#include <csignal>
#include <cstdint>

namespace hotpatch {

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

}  // namespace hotpatch

#endif
