// The threads of this process as the kernel lists them.
//
// Nothing here allocates, takes a lock or touches errno, so that it can be used
// while the other threads stand still.  Any thread.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_THREAD_LIST_H
#define HOTPATCH_RUNTIME_THREAD_LIST_H

#include <cstddef>
#include <cstdint>

#include <sys/types.h>

namespace hotpatch {

pid_t own_thread_id() noexcept;
pid_t own_process_id() noexcept;

// The address of the calling thread's control block, which the x86-64 ABI keeps
// at %fs:0.  No system call; async-signal-safe.
[[gnu::always_inline]] inline std::uint64_t own_thread_pointer() noexcept
{
  std::uint64_t pointer;
  asm("mov %%fs:0, %0" : "=r"(pointer));
  return pointer;
}

// This process's number according to /proc, which counts in the PID namespace
// it was mounted for; the negated error number if /proc does not say.
pid_t own_process_in_proc() noexcept;

// Calls visit for every thread, the caller included.  Threads that begin or end
// during the call may be left out; `counted` is how many there were at the end
// by the kernel's own count, so a listing that saw as many as that saw all of
// them. Returns 0 or the error number of the directory /proc/self/task.
using thread_visitor = void (*)(pid_t thread, void* data);
int list_threads(thread_visitor visit, void* data,
                 std::size_t& counted) noexcept;

// How many threads there are by the kernel's count, the caller included; 0: not
// known.
std::size_t count_threads() noexcept;

// What /proc/self/task/THREAD/status says of a thread.
struct thread_status {
  char state = '?';                   // 'R', 'S', 'D', 'T', 't', 'Z', 'X'
  std::uint64_t pending = 0;          // signals sent to this thread
  std::uint64_t process_pending = 0;  // signals sent to its process
  std::uint64_t blocked = 0;
  pid_t tracer = 0;  // a debugger's process, 0: none

  bool has_ended() const noexcept { return state == 'Z' || state == 'X'; }
  bool has_pending(int signal) const noexcept
  {
    return (pending >> (signal - 1) & 1) != 0;
  }
  bool blocks(int signal) const noexcept
  {
    return (blocked >> (signal - 1) & 1) != 0;
  }
  // Every signal that can be blocked (not SIGKILL and SIGSTOP).
  bool blocks_everything() const noexcept;
};

// False: there is no such thread (any more).
bool read_thread_status(pid_t thread, thread_status& status) noexcept;

// The system call that a thread is in, and waits in: what
// /proc/self/task/THREAD/syscall says.
struct thread_system_call {
  long number = -1;
  std::uint64_t first_argument = 0;
};

// False: it is in none, it runs, or the kernel does not tell.
bool read_thread_system_call(pid_t thread, thread_system_call& call) noexcept;

// A thread that the kernel made for its own work (base/kernel_worker.h).
bool is_kernel_worker(pid_t thread, const thread_status& status) noexcept;

// The thread's name; empty if it has ended.
using thread_name = char[16];
void read_thread_name(pid_t thread, thread_name& name) noexcept;

// The thread that the thread sanitizer runs for itself.
//
// It blocks all signals, so it cannot be stopped; and it never executes code of
// the program, so it need not be.  Any thread; no lock.

// False also when it cannot be proved.
bool is_sanitizer_thread(pid_t thread) noexcept;

}  // namespace hotpatch

#endif
