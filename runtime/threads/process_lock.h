// A lock that a forked child finds free.
//
// fork() leaves the child one thread, and the locks of all others taken for
// ever; here the word says which process took it.  Not recursive.  Any thread;
// a thread that waits for it can be stopped by a signal.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_PROCESS_LOCK_H
#define HOTPATCH_RUNTIME_PROCESS_LOCK_H

#include "runtime/base/deadline.h"
#include "runtime/base/futex.h"
#include "runtime/threads/thread_list.h"

namespace hotpatch {

class process_lock {
 public:
  constexpr process_lock() noexcept = default;
  process_lock(const process_lock&) = delete;
  process_lock& operator=(const process_lock&) = delete;

  // True: this is a child whose parent had taken the lock at the fork, so what
  // it protects may be half done.
  bool lock() noexcept
  {
    const std::uint32_t own = this_process();
    std::uint32_t before;
    while ((before = exchange_if_free(own)) == own)
      futex_wait(holder_, own);
    return before != 0;
  }

  // False: it was not free in time.
  bool lock_until(deadline until) noexcept
  {
    const std::uint32_t own = this_process();
    while (exchange_if_free(own) == own) {
      const std::int64_t left = until.left();
      if (left == 0)
        return false;
      futex_wait(holder_, own, left);
    }
    return true;
  }

  void unlock() noexcept
  {
    holder_.store(0, std::memory_order_release);
    futex_wake_all(holder_);
  }

 private:
  static std::uint32_t this_process() noexcept
  {
    return static_cast<std::uint32_t>(own_process_id());
  }

  // Who had it before; not taken if that is this process.
  std::uint32_t exchange_if_free(std::uint32_t own) noexcept
  {
    std::uint32_t holder = holder_.load(std::memory_order_relaxed);
    while (holder != own && !holder_.compare_exchange_weak(
                                holder, own, std::memory_order_acquire)) {
    }
    return holder;
  }

  futex_word holder_{0};  // the process, 0: free
};

class process_lock_guard {
 public:
  explicit process_lock_guard(process_lock& lock) noexcept : lock_(lock)
  {
    lock_.lock();
  }
  process_lock_guard(const process_lock_guard&) = delete;
  process_lock_guard& operator=(const process_lock_guard&) = delete;
  ~process_lock_guard() { lock_.unlock(); }

 private:
  process_lock& lock_;
};

}  // namespace hotpatch

#endif
