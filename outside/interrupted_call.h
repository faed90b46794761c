// System calls of another process's thread that are interrupted because the
// thread is stopped: the kernel's rules, as a tracer sees them in the
// registers, and what /proc tells before the stop about a call that waits.
//
// One thread at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_INTERRUPTED_CALL_H
#define HOTPATCH_OUTSIDE_INTERRUPTED_CALL_H

#include <array>
#include <cstdint>
#include <optional>

#include <sys/types.h>
#include <sys/user.h>

namespace hotpatch::outside {

// The kernel's rules for system calls that are interrupted, as a tracer sees
// them in the registers of a stopped thread.
//
// Pure: computes registers.

// In orig_rax: the thread is in no system call, and none is to be made again.
inline constexpr std::uint64_t no_call = ~std::uint64_t{0};

// For a thread at a stop in front of signal handling: true if it was waiting in
// the kernel and is to wait again.
bool waits_in_call(const user_regs_struct& registers);

// A few system calls return EINTR whenever their thread is interrupted, even if
// no signal handler runs (signal(7), "Interruption of system calls and library
// functions by stop signals").  Makes such a one go on, unless a handler does
// run; true if there is something to change.
bool mend_interrupted_call(user_regs_struct& registers);

// How long a call that is made again in full would wait at most, and how the
// program says so.
struct time_limit {
  enum class form : std::uint8_t {
    milliseconds,  // in the argument; a negative number: for ever
    timespec,      // the argument points there; null: for ever
    timeval,
    ring,       // the argument points to a struct io_uring_getevents_arg
    receiving,  // SO_RCVTIMEO of the socket, which is the first argument
    sending,    // SO_SNDTIMEO
  };
  form how;
  unsigned argument;

  bool is_pointer() const
  {
    return how == form::timespec || how == form::timeval || how == form::ring;
  }
};

// For a thread that waits_in_call(), `mended` if it does since
// mend_interrupted_call().  Empty if the kernel knows itself how much of the
// limit is left, as with poll(2) and nanosleep(2), or if the limit is a point
// in time.
std::optional<time_limit> limit_of_call(const user_regs_struct& registers,
                                        bool mended);

// An argument of a system call, of six.
unsigned long long& argument_of(user_regs_struct& registers, unsigned index);

// What a call returns whose time is over.
std::int64_t out_of_time(std::uint64_t call);

// The registers as they are when the thread is to make the system call again by
// itself, without the kernel's help.
user_regs_struct before_waiting_call(const user_regs_struct& registers);

// The same at the stop at a call's entry: it has not begun.
user_regs_struct before_entered_call(const user_regs_struct& registers);

// What /proc tells of a thread that runs on: the system call that it waits in,
// and since when.
//
// Asked before a thread is stopped, because stopping it ends the call.  A
// snapshot.
struct thread_look {
  std::int64_t call = -1;  // -1: it runs, or waits for something else
  std::array<std::uint64_t, 6> arguments = {};

  // When it began to sleep in a call with a limit that the kernel will forget;
  // otherwise, or if the kernel does not tell, 0.
  std::int64_t since = 0;
  // How often it had gone to sleep by then.
  std::int64_t sleeps = 0;

  // Whether a thread with these registers is in that call.
  bool is_in(const user_regs_struct& registers) const;

  // Whether a thread that has stopped since then has slept in that call all the
  // time: otherwise it may be in another one that looks the same.
  bool slept_until_stopped(pid_t process, pid_t thread) const;

  // Whether it waits for a child of vfork(2) to execute a program or to end, as
  // posix_spawn(3) does.  The kernel does not let it stop before.
  bool waits_for_child() const;
};

// /proc/PID/task/TID/syscall.
thread_look look_at_thread(pid_t process, pid_t thread);

// The limit for receiving or sending of a process's socket, in nanoseconds; -1:
// there is none, or it is no socket.
std::int64_t socket_limit(pid_t process, int descriptor, time_limit::form what);

}  // namespace hotpatch::outside

#endif
