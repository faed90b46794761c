// rt_sigaction(2), and where handlers return to.
// SPDX-License-Identifier: MIT
#include "runtime/base/signal_action.h"

#include "runtime/base/system_call.h"

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

}  // namespace hotpatch
