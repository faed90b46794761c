// Choosing the signal that stops threads, and installing its handler.
// SPDX-License-Identifier: MIT
#include "runtime/threads/stop_signal.h"

#include <atomic>
#include <cstdlib>
#include <cstring>

#include "runtime/base/signal_action.h"
#include "runtime/base/status.h"
#include "runtime/base/system_call.h"

namespace hotpatch {

namespace {

constexpr int highest_signal = 64;
// The C library keeps the first two real-time signals to itself.
constexpr int first_library_signal = 32;
constexpr int first_free_signal = 34;

constinit std::atomic<int> in_use{0};
constinit int told = -1;  // an eventfd
constinit int requested = 0;
constinit signal_handler installed = nullptr;

// Nobody's, or ours from an earlier choice.
bool is_free(int signal)
{
  const signal_handler handler = action_of(signal).handler;
  return handler == nullptr || handler == installed;  // SIG_DFL is null
}

bool can_have_handler(int signal)
{
  return signal >= 1 && signal <= highest_signal && signal != SIGKILL &&
         signal != SIGSTOP &&
         (signal < first_library_signal || signal >= first_free_signal);
}

bool install(int signal, signal_handler handler)
{
  // SA_RESTART: system calls that can go on do.  SA_ONSTACK: a thread with an
  // alternate stack may have a small one in use (fibers).  All signals are
  // blocked, so that no handler of the program runs while its thread "stands
  // still".
  if (!set_action(signal, handled_by(handler, SA_RESTART | SA_ONSTACK,
                                     ~std::uint64_t{0})))
    return false;
  installed = handler;
  return true;
}

// Who was told may have the signal blocked, and pending by then.
void use(int signal)
{
  const std::uint64_t one = 1;
  if (in_use.exchange(signal) != signal && told >= 0)
    system_call(SYS_write, told, &one, sizeof one);
}

// The highest real-time signal that nobody uses; 0: there is none.
int find_free_signal()
{
  int signal = highest_signal;
  while (signal >= first_free_signal && !is_free(signal))
    --signal;
  return signal >= first_free_signal ? signal : 0;
}

int signal_in_environment()
{
  const char* text = secure_getenv("HOTPATCH_SIGNAL");
  return text != nullptr ? std::atoi(text) : 0;
}

}  // namespace

int ready_stop_signal(signal_handler handler, hp_status& status) noexcept
{
  status = HP_OK;
  if (in_use != 0 && action_of(in_use).handler == handler)
    return in_use;

  int chosen = 0;
  if (requested == 0)
    requested = signal_in_environment();
  if (requested != 0) {
    if (!can_have_handler(requested) || !is_free(requested)) {
      status = fail(HP_UNSUPPORTED,
                    "signal %d, which was chosen to stop threads, cannot be "
                    "used for that or has a handler of the program by now; "
                    "choose another one with hp_set_stop_signal() or "
                    "HOTPATCH_SIGNAL",
                    requested);
      return 0;
    }
    chosen = requested;
  } else if (chosen = find_free_signal(); chosen == 0) {
    use(0);
    status = fail(HP_UNSUPPORTED,
                  "the program has handlers for all real-time signals, and "
                  "one is needed to stop threads; give one back, or choose a "
                  "signal with hp_set_stop_signal() or HOTPATCH_SIGNAL");
    return 0;
  }
  if (!install(chosen, handler)) {
    use(0);
    status = fail(HP_DENIED,
                  "the system refuses a handler for signal %d, with which "
                  "threads would be stopped (a seccomp filter?)",
                  chosen);
    return 0;
  }
  use(chosen);
  return chosen;
}

int current_stop_signal() noexcept
{
  return in_use;
}

void tell_stop_signal(int eventfd) noexcept
{
  told = eventfd;
}

hp_status request_stop_signal(int signal) noexcept
{
  if (signal == 0 || signal == in_use) {
    requested = signal;
    return HP_OK;
  }
  if (!can_have_handler(signal))
    return fail(HP_INVALID,
                "no handler can be installed for signal %d; take one of 1 to "
                "31 or %d to %d, but not SIGKILL or SIGSTOP",
                signal, first_free_signal, highest_signal);
  if (!is_free(signal))
    return fail(HP_INVALID,
                "signal %d has a handler or is ignored by the program; take "
                "one that nobody uses",
                signal);
  requested = signal;
  use(0);  // its handler stays, for threads that still have it pending
  return HP_OK;
}

}  // namespace hotpatch
