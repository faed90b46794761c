// One thread of another process, traced by this one.
//
// Owns the invariant that a thread is let go as it was found: a signal that
// arrives while it is traced is handed on, a stop by job control goes on, a
// system call that was interrupted goes on and waits no longer than it would
// have, and what the caller changed in registers is the caller's to put back.
// The kernel lets a tracee go by itself when its tracer dies (ptrace(2),
// "Attaching and detaching"); nothing here asks it to kill it.
//
// PTRACE_SEIZE stops no thread and sends no SIGSTOP; PTRACE_INTERRUPT makes a
// thread stop before it returns to its program.  ptrace(2) allows only the
// thread that seized to do the rest: use it from one thread.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_TRACEE_H
#define HOTPATCH_OUTSIDE_TRACEE_H

#include <cstdint>
#include <optional>
#include <vector>

#include <sys/types.h>
#include <sys/user.h>

#include "outside/interrupted_call.h"
#include "processes/errors.h"
#include "runtime/base/deadline.h"

namespace hotpatch::outside {

// The thread ended, or its process executes another program now.
class thread_gone : public tool_error {
 public:
  using tool_error::tool_error;
};

// It did not stop in time.
class not_in_time : public process_busy {
 public:
  using process_busy::process_busy;
};

enum class stop_kind {
  event,    // after interrupt(), or by job control
  signal,   // a signal is about to be delivered: stop::signal
  syscall,  // entry to or exit from a system call, after resume_to_syscall()
};

struct stop {
  stop_kind kind;
  int signal = 0;
};

// A system call that was interrupted and is to wait until a point in time that
// the kernel has forgotten.
struct limited_wait {
  time_limit limit;
  std::uint64_t argument;  // as the program gave it
  std::int64_t until;      // nanoseconds of the monotonic clock
};

class tracee {
 public:
  // Throws tool_error if it may not be traced, thread_gone if there is none.
  // Without a look of the caller's it is looked at now.
  tracee(pid_t process, pid_t thread);
  tracee(pid_t process, pid_t thread, const thread_look& look);
  tracee(tracee&& other) noexcept;
  tracee(const tracee&) = delete;
  tracee& operator=(const tracee&) = delete;
  ~tracee();

  pid_t process() const { return process_; }
  pid_t id() const { return thread_; }
  bool stopped() const { return stopped_; }

  // Asks it to stop; wait() tells when it did.
  void interrupt();

  // The next stop.  A system call that was interrupted for it will go on.  A
  // signal that stopped it is kept and handed on by the next
  // resumption.  Throws thread_gone, not_in_time.
  stop wait(deadline until);

  // Interrupts it, and waits for that very stop.
  void halt(deadline until);

  // Waits for the stop that interrupt() asked for.
  void wait_for_event(deadline until);

  // From a stop at a system call to one in front of signal handling, in which
  // changed registers decide whether a call is made again.
  void resume();
  void resume_to_syscall();

  // The signal that stopped it is not handed on.
  void drop_signal() { signal_ = 0; }

  // Since when it has been standing, nanoseconds of the monotonic clock.
  std::int64_t stopped_since() const { return stopped_since_; }

  user_regs_struct registers() const;
  void set_registers(const user_regs_struct& values);

  // In the form of PTRACE_GETREGSET, NT_X86_XSTATE.
  std::vector<std::uint8_t> vectors() const;
  void set_vectors(const std::vector<std::uint8_t>& values);

  std::uint64_t blocked_signals() const;
  void block_signals(std::uint64_t mask);

  // Where at a system call it stands.
  bool at_syscall_entry() const;

  // The address of the descriptor of the restartable sequence it is in, as
  // rseq(2) has it; 0: none.
  std::uint64_t restartable_sequence() const;

  // The wait that it was found in, if that has a limit: to be put back with the
  // registers that were read then.
  const std::optional<limited_wait>& wait_found() const { return wait_; }
  void put_back_wait(const std::optional<limited_wait>& wait) { wait_ = wait; }

  // The thread's seccomp(2) filters do nothing until it is let go, if they are
  // `suspended`; also if this process is killed.  Throws tool_error.
  void suspend_filters(bool suspended);

  // Lets it go, without waiting for the destructor.  One that does not stop
  // soon becomes the tracer's (tracer.h).
  void release() noexcept;

  // Lets it go if it has stopped; true if nothing is left to do.
  bool try_release() noexcept;

 private:
  [[noreturn]] void throw_seize_error(int error) const;
  void check_ptrace(long result, const char* what) const;
  bool poll(int& status);
  stop take_stop(int status);
  bool has_executed();
  bool is_dead_leader() const;
  void go_on(int request);
  bool detach();
  void end();
  void mend_call();
  void find_limit(const user_regs_struct& values, bool mended);
  std::int64_t limit_in_nanoseconds(user_regs_struct& values,
                                    const time_limit& limit) const;
  void shorten_wait();
  bool place_time(const limited_wait& found, user_regs_struct& values,
                  std::int64_t left);
  bool peek(std::uint64_t address, std::uint64_t& into) const;
  bool poke(std::uint64_t address, std::uint64_t value);

  pid_t process_;
  pid_t thread_;
  thread_look look_;
  std::optional<limited_wait> wait_;
  bool attached_ = false;
  bool stopped_ = false;
  bool asked_ = false;  // by interrupt(), and has not answered
  bool late_ = false;   // it was asked, and waited for in vain
  std::int64_t stopped_since_ = 0;
  int signal_ = 0;  // to be handed on
};

}  // namespace hotpatch::outside

#endif
