// What rax says, and what it is to say.
//
// SPDX-License-Identifier: MIT
#include "outside/interrupted_call.h"

#include <algorithm>
#include <cerrno>
#include <iterator>

#include <sys/syscall.h>

namespace hotpatch::outside {

namespace {

// include/linux/errno.h: what a system call that was interrupted leaves in rax,
// seen only by tracers.  arch_do_signal_or_restart() in
// arch/x86/kernel/signal.c makes the call again for the first three, and
// restart_syscall(2) for the last, when no handler is run.
constexpr std::int64_t restart_sys = -512;
constexpr std::int64_t restart_nointr = -513;
constexpr std::int64_t restart_nohand = -514;
constexpr std::int64_t restart_block = -516;

constexpr std::uint64_t syscall_size = 2;  // 0f 05

std::int64_t result_of(const user_regs_struct& registers)
{
  return static_cast<std::int64_t>(registers.rax);
}

bool in_call(const user_regs_struct& registers)
{
  return static_cast<std::int64_t>(registers.orig_rax) >= 0;
}

bool ends_early(std::uint64_t call)
{
  constexpr std::uint64_t calls[] = {
      SYS_epoll_wait,
      SYS_epoll_pwait,
      SYS_epoll_pwait2,
      SYS_rt_sigtimedwait,
      SYS_semop,
      SYS_semtimedop,
      SYS_io_getevents,
      SYS_io_pgetevents,
      // With a time limit (SO_RCVTIMEO, SO_SNDTIMEO):
      SYS_accept,
      SYS_accept4,
      SYS_recvfrom,
      SYS_recvmsg,
      SYS_recvmmsg,
      SYS_sendto,
      SYS_sendmsg,
      SYS_sendmmsg,
      SYS_read,
      SYS_write,
      SYS_readv,
      SYS_writev,
  };
  return std::find(std::begin(calls), std::end(calls), call) != std::end(calls);
}

}  // namespace

bool waits_in_call(const user_regs_struct& registers)
{
  const std::int64_t result = result_of(registers);
  return in_call(registers) &&
         (result == restart_sys || result == restart_nointr ||
          result == restart_nohand || result == restart_block);
}

bool mend_interrupted_call(user_regs_struct& registers)
{
  if (!in_call(registers) || result_of(registers) != -EINTR ||
      !ends_early(registers.orig_rax))
    return false;
  // With a handler the kernel turns this into EINTR again.
  registers.rax = static_cast<std::uint64_t>(restart_nohand);
  return true;
}

// A call that the kernel would continue with restart_syscall(2) is made anew:
// rt_sigreturn(2) forgets how far it was (restore_sigcontext() in
// arch/x86/kernel/signal_64.c).
user_regs_struct before_waiting_call(const user_regs_struct& registers)
{
  return waits_in_call(registers) ? before_entered_call(registers) : registers;
}

user_regs_struct before_entered_call(const user_regs_struct& registers)
{
  user_regs_struct before = registers;
  before.rax = registers.orig_rax;
  before.rip -= syscall_size;
  before.orig_rax = no_call;
  return before;
}

}  // namespace hotpatch::outside
