// Choosing the signal that stops threads, and installing its handler.
//
// SPDX-License-Identifier: MIT
#include "runtime/threads/stop_signal.h"

#include <atomic>
#include <cstdlib>
#include <cstring>

#include <sys/socket.h>

#include "runtime/base/countermeasure.h"
#include "runtime/base/number.h"
#include "runtime/base/status.h"
#include "runtime/base/system_call.h"
#include "runtime/threads/signal_use.h"

// The handler returns through here.  Debuggers and unwinders know a signal
// frame by exactly these bytes.
//   48 c7 c0 0f 00 00 00    mov $15, %rax      (SYS_rt_sigreturn)
//   0f 05                   syscall
asm(R"(
        .pushsection .text
        .p2align 4
        nop
        .globl  hotpatch_signal_return
        .hidden hotpatch_signal_return
        .type   hotpatch_signal_return, @function
hotpatch_signal_return:
        mov     $15, %rax
        syscall
        .size   hotpatch_signal_return, . - hotpatch_signal_return
        .popsection
)");
extern "C" void hotpatch_signal_return();

namespace hotpatch {

// rt_sigaction(2), and where handlers return to.

signal_action action_of(int signal) noexcept
{
  signal_action action;
  system_call(SYS_rt_sigaction, signal, nullptr, &action, sizeof action.mask);
  return action;
}

bool set_action(int signal, const signal_action& action) noexcept
{
  return system_call(SYS_rt_sigaction, signal, &action, nullptr,
                     sizeof action.mask) == 0;
}

signal_action handled_by(signal_handler handler, int flags,
                         std::uint64_t mask) noexcept
{
  constexpr std::uint64_t has_restorer = 0x04000000;  // asm/signal.h
  return {handler,
          static_cast<std::uint64_t>(flags | SA_SIGINFO) | has_restorer,
          hotpatch_signal_return, mask};
}

namespace {

// The C library keeps the first two real-time signals to itself.
constexpr int first_library_signal = 32;

constinit std::atomic<int> in_use{0};
constinit const noted_descriptor* told = nullptr;
constinit int requested = 0;
// What stops have met, which was not to be seen before.
constinit signal_mask found_in_use = 0;
constinit signal_handler installed = nullptr;
// Those that have or had it: they may be pending in a thread that blocked them.
constinit signal_mask own_signals = 0;

// No handler of the program's, or ours from an earlier choice.
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
  const int flags =
      SA_ONSTACK | (HP_COUNTERMEASURE(restart_calls) ? SA_RESTART : 0);
  if (!set_action(signal, handled_by(handler, flags, ~std::uint64_t{0})))
    return false;
  installed = handler;
  own_signals |= mask_of(signal);
  return true;
}

// Who was told may have the signal blocked, and pending by then.
void use(int signal)
{
  if (in_use.exchange(signal) != signal && told != nullptr)
    if (const int socket = told->get(); socket >= 0)
      system_call(SYS_sendto, socket, "", 1, MSG_NOSIGNAL);
}

// The highest real-time signal that is not used; 0: there is none.
int find_free_signal()
{
  const signal_mask used = used_signals(own_signals) | found_in_use;
  int signal = highest_signal;
  while (signal >= first_free_signal &&
         (!is_free(signal) || (used & mask_of(signal)) != 0))
    --signal;
  return signal >= first_free_signal ? signal : 0;
}

// A thread that began after the choice may use the signal.
bool is_still_free(int signal)
{
  return signal == requested ||
         ((newly_used_signals(own_signals) | found_in_use) & mask_of(signal)) ==
             0;
}

// 0: none is named.  What is no number is a signal that cannot be used.
int signal_in_environment()
{
  constexpr int no_signal = -1;
  const char* text = secure_getenv("HOTPATCH_SIGNAL");
  if (text == nullptr || *text == '\0')
    return 0;
  const int value = parse_number<int>(text).value_or(no_signal);
  return value >= 0 && value <= highest_signal ? value : no_signal;
}

}  // namespace

int ready_stop_signal(signal_handler handler, hp_status& status) noexcept
{
  status = HP_OK;
  if (in_use != 0 && action_of(in_use).handler == handler &&
      is_still_free(in_use))
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
                  "the program uses all real-time signals: each has a "
                  "handler, or a thread blocks it or waits for it; one is "
                  "needed to stop threads: choose a signal that the program "
                  "can do without, with hp_set_stop_signal() or "
                  "HOTPATCH_SIGNAL");
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

bool is_chosen_stop_signal(int signal) noexcept
{
  return signal == requested;
}

bool give_up_stop_signal(int signal) noexcept
{
  if (signal == requested)
    return false;
  found_in_use |= mask_of(signal);
  return true;
}

int current_stop_signal() noexcept
{
  return in_use;
}

void tell_stop_signal(const noted_descriptor* socket) noexcept
{
  told = socket;
}

hp_status request_stop_signal(int signal) noexcept
{
  found_in_use = 0;
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
                "one that the program does not use",
                signal);
  requested = signal;
  use(0);  // its handler stays, for threads that still have it pending
  return HP_OK;
}

}  // namespace hotpatch
