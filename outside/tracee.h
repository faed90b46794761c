// One thread of another process, traced by this one.
//
// Owns the invariant that a thread is let go as it was found: a signal that
// arrives while it is traced is handed on, a stop by job control goes on, and
// what the caller changed in registers is the caller's to put back.  The kernel
// lets a tracee go by itself when its tracer dies (ptrace(2), "Attaching and
// detaching"); nothing here asks it to kill it.
//
// PTRACE_SEIZE stops nobody and sends no SIGSTOP; PTRACE_INTERRUPT makes a
// thread stop before it returns to its program.  ptrace(2) allows only the
// thread that seized to do the rest: use it from one thread, while a `ticking`
// lives.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_TRACEE_H
#define HOTPATCH_OUTSIDE_TRACEE_H

#include <cstdint>
#include <vector>

#include <sys/types.h>
#include <sys/user.h>

#include "processes/trouble.h"
#include "runtime/base/deadline.h"

namespace hotpatch::outside {

// The thread ended, or its process executes another program now.
class thread_gone : public trouble {
 public:
  using trouble::trouble;
};

// It did not stop in time.
class not_in_time : public trouble {
 public:
  using trouble::trouble;
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

class tracee {
 public:
  // Throws trouble if it may not be traced, thread_gone if there is none.
  tracee(pid_t process, pid_t thread);
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

  // Lets it go, without waiting for the destructor.
  void release() noexcept;

 private:
  [[noreturn]] void refuse(int error) const;
  void check(long result, const char* what) const;
  void go_on(int request);
  void mend_call();

  pid_t process_;
  pid_t thread_;
  bool attached_ = false;
  bool stopped_ = false;
  int signal_ = 0;  // to be handed on
};

}  // namespace hotpatch::outside

#endif
