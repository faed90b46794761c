// Registered threads, and holding them all at their safe points.
//
// Invariant: after reach() has returned HP_OK, and until release() or the
// destructor, every registered thread other than the caller stands in the
// library, at a safe point or offline, and stays there; none is registered
// until then.  Nothing is stopped anywhere else, so the caller may allocate and
// take locks, except those that a thread may hold at a safe point.
//
// Any thread; not from a signal handler.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_SAFE_POINT_H
#define HOTPATCH_RUNTIME_SAFE_POINT_H

#include "runtime/base/deadline.h"
#include "runtime/include/hotpatch.h"

namespace hotpatch {

// The calling thread waits for something of the library's, such as its lock:
// the thread that holds it must not wait for this thread to reach a safe point.
class offline_scope {
 public:
  offline_scope() noexcept;
  offline_scope(const offline_scope&) = delete;
  offline_scope& operator=(const offline_scope&) = delete;
  ~offline_scope();

 private:
  bool changed_;
};

class safe_point_stop {
 public:
  safe_point_stop() noexcept = default;
  safe_point_stop(const safe_point_stop&) = delete;
  safe_point_stop& operator=(const safe_point_stop&) = delete;
  ~safe_point_stop() { release(); }

  // HP_BUSY: a registered thread, named in the message, did not reach a safe
  // point in time; no thread is held then.
  [[nodiscard]] hp_status reach(deadline until) noexcept;

  // Lets them go on; each executes a serialising instruction first.
  void release() noexcept;

 private:
  bool holding_ = false;
  bool was_running_ = false;
};

}  // namespace hotpatch

#endif
