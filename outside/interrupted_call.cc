// The rules for interrupted system calls, and what /proc tells of one.
//
// SPDX-License-Identifier: MIT
#include "outside/interrupted_call.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <map>
#include <string_view>

#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "runtime/base/deadline.h"
#include "runtime/base/file_descriptor.h"
#include "runtime/base/number.h"

namespace hotpatch::outside {

// What rax says, and what it is to say.

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

// Reading /proc/PID/task/TID.

namespace {

constexpr std::int64_t millisecond = 1'000'000;
constexpr std::int64_t second = 1'000'000'000;

// A process may have thousands of threads, and each is looked at: without
// streams.
std::string_view read_text(const char* path, char* into, std::size_t size)
{
  const file_descriptor file(open(path, O_RDONLY | O_CLOEXEC));
  const ssize_t got = file ? ::read(file.get(), into, size) : -1;
  return {into, got > 0 ? static_cast<std::size_t>(got) : 0};
}

std::string_view read_entry(pid_t process, pid_t thread, const char* name,
                            char* into, std::size_t size)
{
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/task/%d/%s", process, thread,
                name);
  return read_text(path, into, size);
}

template <typename T>
bool take_number(std::string_view& text, int base, T& into)
{
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  if (base == 16 && text.starts_with("0x"))
    text.remove_prefix(2);
  const char* at = text.data();
  if (!hotpatch::take_number(at, at + text.size(), into, base))
    return false;
  text.remove_prefix(static_cast<std::size_t>(at - text.data()));
  return true;
}

// What a file "sched" has for the name, kernel/sched/debug.c.
std::string_view value_of(std::string_view text, std::string_view name)
{
  const std::size_t at = text.find(name);
  if (at == std::string_view::npos)
    return {};
  text.remove_prefix(at + name.size());
  text.remove_prefix(std::min(text.find(':') + 1, text.size()));
  return text;
}

// "nr_voluntary_switches    :    12"; -1: not there.
std::int64_t sleeps_in(std::string_view text)
{
  text = value_of(text, "nr_voluntary_switches");
  std::int64_t count = 0;
  return take_number(text, 10, count) ? count : -1;
}

// "se.exec_start   :   1251437.003608", in milliseconds; 0: not there.
std::int64_t exec_start_in(std::string_view text)
{
  text = value_of(text, "se.exec_start");
  std::int64_t whole = 0;
  std::int64_t fraction = 0;
  if (!take_number(text, 10, whole) || !text.starts_with('.'))
    return 0;
  text.remove_prefix(1);
  return take_number(text, 10, fraction) ? whole * millisecond + fraction : 0;
}

// The field "processor" of /proc/PID/task/TID/stat, proc(5); -1: unknown.
int last_processor(pid_t process, pid_t thread)
{
  constexpr int processor_field = 39;
  char buffer[1024];
  std::string_view text =
      read_entry(process, thread, "stat", buffer, sizeof buffer);
  // A command may hold blanks and parentheses itself; the state follows.
  const std::size_t command_end = text.rfind(") ");
  if (command_end == std::string_view::npos)
    return -1;
  text.remove_prefix(command_end + 2);
  for (int field = 3; field < processor_field; ++field)
    text.remove_prefix(std::min(text.find(' '), text.size() - 1) + 1);
  int processor = -1;
  return take_number(text, 10, processor) ? processor : -1;
}

// The scheduler's clock on this processor is this much behind the monotonic
// one.  Its own notes of this thread are new when it was just woken.
std::int64_t measure_clock()
{
  constexpr int tries = 3;
  std::int64_t smallest = 0;
  for (int i = 0; i < tries; ++i) {
    sleep_for(1);
    char buffer[4096];
    const std::int64_t start = exec_start_in(
        read_text("/proc/thread-self/sched", buffer, sizeof buffer));
    if (start == 0)
      return 0;
    const std::int64_t behind = monotonic_now() - start;
    smallest = i == 0 ? behind : std::min(smallest, behind);
  }
  return smallest;
}

// Interrupts, and time that a hypervisor takes away, do not count: each
// processor's clock falls behind.  So what was measured is true for a moment,
// and what a thread noted before is taken for later than it was.  What it noted
// afterwards, at `start` by its clock, would be taken for earlier.
std::int64_t clock_of(int processor, std::int64_t start)
{
  struct known_clock {
    std::int64_t measured = 0;
    std::int64_t behind = 0;
  };
  constexpr std::int64_t good_for = 2 * millisecond;
  static std::map<int, known_clock> clocks;
  known_clock& clock = clocks[processor];
  if (clock.measured != 0 && monotonic_now() - clock.measured < good_for &&
      start + clock.behind < clock.measured)
    return clock.behind;
  cpu_set_t before;
  cpu_set_t there;
  CPU_ZERO(&there);
  CPU_SET(static_cast<unsigned>(processor), &there);
  clock = {};
  if (sched_getaffinity(0, sizeof before, &before) != 0 ||
      sched_setaffinity(0, sizeof there, &there) != 0)
    return 0;
  clock = {monotonic_now(), measure_clock()};
  sched_setaffinity(0, sizeof before, &before);
  return clock.behind;
}

// When a thread that sleeps went to sleep, in nanoseconds of the monotonic
// clock; 0 if the kernel does not tell.
//
// The scheduler notes it, in the clock of the processor that the thread last
// ran on ("se.exec_start" in /proc/PID/task/TID/sched; kernel/sched/debug.c).
// How that clock goes is read from this thread's own entry, on that processor.
// The answer is late by some ten microseconds, and never early.
std::int64_t asleep_since(pid_t process, pid_t thread, std::string_view sched)
{
  const std::int64_t start = exec_start_in(sched);
  const int processor = last_processor(process, thread);
  if (start == 0 || processor < 0 || processor >= CPU_SETSIZE)
    return 0;
  const std::int64_t behind = clock_of(processor, start);
  return behind == 0 ? 0 : std::min(start + behind, monotonic_now());
}

bool may_be_limited(pid_t process, user_regs_struct& values)
{
  values.rax = static_cast<std::uint64_t>(-EINTR);
  const bool mended = mend_interrupted_call(values);
  const auto limit = limit_of_call(values, mended);
  if (!limit)
    return false;
  const std::uint64_t argument = argument_of(values, limit->argument);
  switch (limit->how) {
    case time_limit::form::milliseconds:
      return static_cast<std::int32_t>(argument) >= 0;
    case time_limit::form::receiving:
    case time_limit::form::sending:
      return socket_limit(process, static_cast<int>(argument), limit->how) >= 0;
    default:
      return argument != 0;
  }
}

}  // namespace

bool thread_look::is_in(const user_regs_struct& registers) const
{
  user_regs_struct values = registers;
  if (call != static_cast<std::int64_t>(values.orig_rax))
    return false;
  for (unsigned i = 0; i < arguments.size(); ++i)
    if (arguments[i] != argument_of(values, i))
      return false;
  return true;
}

// The stop itself is one more.
bool thread_look::slept_until_stopped(pid_t process, pid_t thread) const
{
  char sched[4096];
  return sleeps_in(read_entry(process, thread, "sched", sched, sizeof sched)) ==
         sleeps + 1;
}

bool thread_look::waits_for_child() const
{
  return call == SYS_vfork || call == SYS_clone || call == SYS_clone3;
}

// "running", or the call's number and arguments, then stack pointer and program
// counter.
thread_look look_at_thread(pid_t process, pid_t thread)
{
  char buffer[256];
  std::string_view text =
      read_entry(process, thread, "syscall", buffer, sizeof buffer);
  thread_look look;
  if (!take_number(text, 10, look.call))
    return {};
  for (std::uint64_t& argument : look.arguments)
    if (look.call >= 0 && !take_number(text, 16, argument))
      return {};
  user_regs_struct values = {};
  values.orig_rax = static_cast<std::uint64_t>(look.call);
  for (unsigned i = 0; i < look.arguments.size(); ++i)
    argument_of(values, i) = look.arguments[i];
  if (look.call < 0 || !may_be_limited(process, values))
    return look;
  char sched[4096];
  const std::string_view notes =
      read_entry(process, thread, "sched", sched, sizeof sched);
  look.since = asleep_since(process, thread, notes);
  look.sleeps = sleeps_in(notes);
  return look;
}

// By a copy of the descriptor; since Linux 5.6.
std::int64_t socket_limit(pid_t process, int descriptor, time_limit::form what)
{
  const file_descriptor whole(
      static_cast<int>(syscall(SYS_pidfd_open, process, 0)));
  const file_descriptor socket(
      whole ? static_cast<int>(
                  syscall(SYS_pidfd_getfd, whole.get(), descriptor, 0))
            : -1);
  timeval limit = {};
  socklen_t size = sizeof limit;
  if (!socket ||
      getsockopt(
          socket.get(), SOL_SOCKET,
          what == time_limit::form::receiving ? SO_RCVTIMEO : SO_SNDTIMEO,
          &limit, &size) != 0 ||
      (limit.tv_sec == 0 && limit.tv_usec == 0))
    return -1;
  return limit.tv_sec * second + limit.tv_usec * 1000;
}

}  // namespace hotpatch::outside
