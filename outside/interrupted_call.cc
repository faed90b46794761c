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

using form = time_limit::form;

// System calls that the kernel makes again in full, or not at all, although
// they have waited a part of the time that they were given (signal(7),
// "Interruption of system calls and library functions by stop signals"). Others
// keep the end of the time themselves: poll(2), nanosleep(2) and futex(2) for
// restart_syscall(2); select(2) and the like in the program's memory, so that
// those are in this list for the case that it is not writable.
struct limited_call {
  long number;
  time_limit limit;
};
constexpr limited_call limited_calls[] = {
    {SYS_epoll_wait, {form::milliseconds, 3}},
    {SYS_epoll_pwait, {form::milliseconds, 3}},
    {SYS_epoll_pwait2, {form::timespec, 3}},
    {SYS_rt_sigtimedwait, {form::timespec, 2}},
    {SYS_semtimedop, {form::timespec, 3}},
    {SYS_io_getevents, {form::timespec, 4}},
    {SYS_io_pgetevents, {form::timespec, 4}},
    {SYS_io_uring_enter, {form::ring, 4}},
    {SYS_ppoll, {form::timespec, 2}},
    {SYS_pselect6, {form::timespec, 4}},
    {SYS_select, {form::timeval, 4}},
    {SYS_accept, {form::receiving, 0}},
    {SYS_accept4, {form::receiving, 0}},
    {SYS_recvfrom, {form::receiving, 0}},
    {SYS_recvmsg, {form::receiving, 0}},
    {SYS_recvmmsg, {form::receiving, 0}},
    {SYS_read, {form::receiving, 0}},
    {SYS_readv, {form::receiving, 0}},
    {SYS_connect, {form::sending, 0}},
    {SYS_sendto, {form::sending, 0}},
    {SYS_sendmsg, {form::sending, 0}},
    {SYS_sendmmsg, {form::sending, 0}},
    {SYS_write, {form::sending, 0}},
    {SYS_writev, {form::sending, 0}},
};

const limited_call* find_limited(std::uint64_t call)
{
  const auto* found =
      std::find_if(std::begin(limited_calls), std::end(limited_calls),
                   [call](const limited_call& each) {
                     return static_cast<std::uint64_t>(each.number) == call;
                   });
  return found != std::end(limited_calls) ? found : nullptr;
}

// Without a limit it is interrupted for good, too.
bool ends_early(std::uint64_t call)
{
  return call == SYS_semop || find_limited(call) != nullptr;
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

// linux/io_uring.h, which older systems lack: with this flag the fifth argument
// points to a structure with the time; with the others the time is a point, or
// kept elsewhere.
constexpr std::uint64_t ring_has_argument = 1 << 3;
constexpr std::uint64_t ring_absolute = 1 << 5;
constexpr std::uint64_t ring_registered = 1 << 6;

std::optional<time_limit> limit_of_call(const user_regs_struct& registers,
                                        bool mended)
{
  const limited_call* found = find_limited(registers.orig_rax);
  if (found == nullptr || !waits_in_call(registers) ||
      (!mended && registers.orig_rax != SYS_io_pgetevents))
    return {};
  if (found->limit.how == form::ring &&
      (registers.r10 & (ring_has_argument | ring_absolute | ring_registered)) !=
          ring_has_argument)
    return {};
  return found->limit;
}

unsigned long long& argument_of(user_regs_struct& registers, unsigned index)
{
  unsigned long long* const arguments[] = {&registers.rdi, &registers.rsi,
                                           &registers.rdx, &registers.r10,
                                           &registers.r8,  &registers.r9};
  return *arguments[index];
}

std::int64_t out_of_time(std::uint64_t call)
{
  return call == SYS_connect ? -EINPROGRESS : -EAGAIN;
}

// A call that the kernel would continue with restart_syscall(2) is made again:
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
