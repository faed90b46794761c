// A thread of another process that makes calls for us.
//
// Owns the promise that the thread comes back exactly as it was, whatever
// happens to this process: from the first changed register on there is a frame
// in the process with everything it had (frame_room), and all that it is made
// to execute ends in rt_sigreturn(2) through that frame.  As long as this
// process lives, the destructor takes the thread back by ptrace instead, which
// also lets an interrupted nanosleep(2) or the like go on where it was.
//
// The thread must be at a place where it may be borrowed (remote_call_point.h).
// The other threads of its process go on.  From the thread that traces.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_REMOTE_CALL_H
#define HOTPATCH_OUTSIDE_REMOTE_CALL_H

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

#include <sys/types.h>

#include "outside/target_images.h"
#include "outside/target_memory.h"
#include "outside/thread_state.h"
#include "outside/tracee.h"
#include "processes/maps.h"
#include "runtime/base/deadline.h"
#include "runtime/base/page_size.h"

namespace hotpatch::outside {

// Instructions that are in every C library, by their addresses in the process.
struct borrowed_code {
  std::uint64_t system_call;  // 0f 05 c3: syscall; ret
  std::uint64_t restorer;     // mov $15,%eax or %rax; syscall
  // int* (void): where a thread has its errno.
  std::uint64_t errno_location;
  // int (int, int*), pthread_setcancelstate(3); 0: there are no threads.
  std::uint64_t set_cancel_state = 0;
};

// What the thread was made to call has not come back.  The thread finishes it
// alone, so the code must stay where it is.
class unfinished_call : public not_in_time {
 public:
  using not_in_time::not_in_time;
};

// The memory in the process that a call is made in: its code, which
// is_workspace() knows again at the beginning, its arguments and its stack.
inline constexpr std::uint64_t workspace_size = 256 * page_size;
bool is_workspace(const target_memory& memory, std::uint64_t address);

// Sees each system call that a call() makes, at its entry and at its end, and
// may change it (tracee::set_registers).  False: it has seen enough, and the
// thread stops at no more of them.
using call_observer = std::function<bool(tracee&)>;

// Whether the kernel's answer to a system call is an error: MAX_ERRNO in
// include/linux/err.h.
inline bool is_error(std::int64_t answer)
{
  return answer < 0 && answer >= -4095;
}

class borrowed_thread {
 public:
  borrowed_thread(tracee& thread, target_memory& memory,
                  const borrowed_code& code, deadline until);
  ~borrowed_thread();
  borrowed_thread(const borrowed_thread&) = delete;
  borrowed_thread& operator=(const borrowed_thread&) = delete;

  // The kernel's answer, negative for an error.  Both throw unfinished_call if
  // the call before has not come back.
  std::int64_t system_call(long number,
                           std::initializer_list<std::uint64_t> arguments);

  // A function of the process, on a stack of its own, with all signals blocked
  // but those that its own faults raise, and not to be cancelled.  `what` names
  // it for people.  Throws unfinished_call.
  std::uint64_t call(const std::string& what, std::uint64_t function,
                     std::initializer_list<std::uint64_t> arguments,
                     const call_observer& observer = {});

  // Memory for arguments, in the process: valid while this lives.
  std::uint64_t place(const std::string& text);

  pid_t process() const { return thread_.process(); }

 private:
  void start(const user_regs_struct& registers);
  void refuse_if_unfinished() const;
  void need_workspace();
  void drop_workspace();
  bool wait_for_syscall(std::uint64_t number, bool entry);
  void wait_for_mark(const call_observer& observer);

  tracee& thread_;
  target_memory& memory_;
  const borrowed_code code_;
  const deadline until_;
  const thread_state state_;
  const int mark_;           // the signal that tells of the end of a call; or 0
  std::uint64_t frame_ = 0;  // its stack pointer, see return_frame
  bool started_ = false;
  bool unfinished_ = false;  // a call: the thread must be left alone
  std::uint64_t workspace_ = 0;
  std::uint64_t text_end_ = 0;
};

// What hp-apply uses of a process's own code: two instructions and the
// functions that load and unload shared objects.
//
// A value; found once per process, from its images.
struct target_code {
  borrowed_code borrowed;
  const target_image* loader = nullptr;
  const target_image* library = nullptr;  // the C library
  std::uint64_t dlopen = 0;
  std::uint64_t dlclose = 0;
  std::uint64_t dlerror = 0;
};

// Throws tool_error if what a thread is made to call would have to be on a
// shadow stack, too.
void refuse_shadow_stack(pid_t process);

// Throws tool_error if the process cannot load anything.
target_code find_target_code(const target_images& images);

// The same code in another look at the images of the same process, into which
// the pointers lead.
void find_libraries(const target_images& images, target_code& into);

// A thread that was made to call something and has not come back; empty: there
// is none.
//
// A hook or a constructor that hangs keeps the thread that was borrowed for it,
// and the workspace that it runs in says so, whichever
// command made it do that and however long ago.  As long as there is one, no
// other thread is borrowed for what might hang as well: at most one is lost.
//
// Stops the process for a moment if it has such a workspace.  Throws
// tool_error.
std::string find_held_thread(pid_t process,
                             const std::vector<process_mapping>& maps,
                             const target_memory& memory, deadline until);

}  // namespace hotpatch::outside

#endif
