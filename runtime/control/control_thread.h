// The thread that serves the control socket.
//
// It is there only after a process has asked for it.  It blocks all signals but
// the one that stops threads and those that the CPU raises, so that none of the
// program's is taken by it, and it is stopped and searched like any other
// thread.  A forked child has neither the thread nor the socket.  Any thread,
// without a lock.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_CONTROL_THREAD_H
#define HOTPATCH_RUNTIME_CONTROL_THREAD_H

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include "runtime/base/file_descriptor.h"
#include "runtime/include/hotpatch.h"

namespace hotpatch {

// The socket that a process is commanded through: its place, and its end.
//
// Owns the invariant that the path names this socket and no other one's while
// the process offers it.  A path rather than an abstract name, which would end
// at a network namespace: the path is reached through /proc/PID/root from
// wherever the process can be seen.  Used under the lock of control_thread.
class offered_socket {
 public:
  constexpr offered_socket() noexcept = default;
  offered_socket(const offered_socket&) = delete;
  offered_socket& operator=(const offered_socket&) = delete;

  // `path` null: chosen by where this user's sockets belong.  HP_INVALID,
  // HP_BUSY, HP_DENIED.
  [[nodiscard]] hp_status open(const char* path) noexcept;

  // Takes the path away, if it still leads here.  Nothing happens to what the
  // program has opened under the socket's number.
  void close() noexcept;

  // Comes as a client and goes again, which wakes a thread that waits for one,
  // also if the program has closed the descriptor.
  void knock() const noexcept;

  // Takes the path away and nothing else: the process ends.
  void remove_path() noexcept;

  // Leaves the path alone: in a forked child, whose parent goes on to offer it.
  void abandon() noexcept;

  // Not open: -1.
  const noted_descriptor& descriptor() const noexcept { return descriptor_; }
  // "": not open.
  const char* path() const noexcept { return address_.sun_path; }

 private:
  [[nodiscard]] hp_status choose_path() noexcept;
  [[nodiscard]] hp_status listen_at_path() noexcept;
  [[nodiscard]] bool is_abandoned() const noexcept;
  void forget() noexcept;

  noted_descriptor descriptor_;
  sockaddr_un address_ = {AF_UNIX, ""};
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

// `path` null: the usual place.  HP_INVALID, HP_BUSY, HP_DENIED, HP_NO_MEMORY,
// HP_UNSUPPORTED.
[[nodiscard]] hp_status open_control(const char* path) noexcept;

// Waits for what is being done.  HP_INVALID: there is none; HP_BUSY: it is
// asked for by what is being done.
[[nodiscard]] hp_status close_control() noexcept;

// "": none.
[[nodiscard]] const char* control_path() noexcept;

}  // namespace hotpatch

#endif
