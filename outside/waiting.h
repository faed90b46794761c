// Blocking calls that end at a deadline.
//
// While a ticking object lives, a timer interrupts blocking system calls of
// this process again and again, so that waitpid() returns with EINTR and its
// caller can look at the clock; a single alarm could fire between the look and
// the call.  One object per process, owned by the thread that traces.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_WAITING_H
#define HOTPATCH_OUTSIDE_WAITING_H

#include <signal.h>
#include <sys/time.h>

namespace hotpatch::outside {

class ticking {
 public:
  ticking();
  ~ticking();
  ticking(const ticking&) = delete;
  ticking& operator=(const ticking&) = delete;

 private:
  struct sigaction old_action_;
  itimerval old_timer_;
};

}  // namespace hotpatch::outside

#endif
