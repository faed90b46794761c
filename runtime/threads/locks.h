// The locks of the library, the order in which a thread takes them, and what
// becomes of them at a fork().
//
// Owns the order: a thread that holds a lock takes only locks of a higher rank.
// Test builds (base/countermeasure.h) check that at every lock, and end the
// process otherwise.  At a fork() the locks that are registered here are taken
// in this order, whatever order the linker has given to the files.
//
// Two kinds.  A process_lock remembers which process took it, so a forked child
// finds it free, but may find what it protects half done.  A fork_mutex is
// taken by fork() itself, so the child finds everything whole.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_LOCKS_H
#define HOTPATCH_RUNTIME_LOCKS_H

#include <cstddef>
#include <cstdint>
#include <pthread.h>

#include "runtime/base/deadline.h"
#include "runtime/base/futex.h"
#include "runtime/threads/thread_list.h"

namespace hotpatch {

// The outermost first.  Before all of them comes the dynamic loader's lock on
// loading: a constructor, which runs under it, may call the library.  The
// loader's lock on its list of images is taken after `library`, and before
// those after it: fork(), which takes `library`, never copies the list's while
// a thread of ours holds it.
enum class lock_rank : std::uint8_t {
  turn,       // one transaction with named patches after the other; held while
              // hooks run, which take all others
  control,    // the control socket
  library,    // the library's one object
  members,    // threads registered for safe points
  announced,  // announced stacks: held while threads are stopped and searched
  stopper,    // one thread stops the others
  log,        // the program's log handler
};
constexpr std::size_t lock_ranks = static_cast<std::size_t>(lock_rank::log) + 1;

#ifdef HP_TEST_COUNTERMEASURES
// Ends the process if the thread holds this rank or a higher one.
void note_taken(lock_rank rank) noexcept;
void note_given_back(lock_rank rank) noexcept;
#else
inline void note_taken(lock_rank) noexcept {}
inline void note_given_back(lock_rank) noexcept {}
#endif

// What is done before a fork(), and afterwards in the parent and in the child;
// null: nothing.
struct fork_handlers {
  void (*before)() = nullptr;
  void (*in_parent)() = nullptr;
  void (*in_child)() = nullptr;
};

// From a constructor: at every fork, in the order of the ranks before it and in
// the opposite order after it.  Each rank once.
void handle_forks(lock_rank rank, const fork_handlers& handlers) noexcept;

// A mutex that its owner takes before a fork(), by handle_forks().
class fork_mutex {
 public:
  constexpr explicit fork_mutex(lock_rank rank) noexcept : rank_(rank) {}
  fork_mutex(const fork_mutex&) = delete;
  fork_mutex& operator=(const fork_mutex&) = delete;

  // False: the calling thread has it already, for example because a program's
  // malloc() calls the library.
  [[nodiscard]] bool lock() noexcept
  {
    if (pthread_mutex_lock(&mutex_) != 0)
      return false;
    note_taken(rank_);
    return true;
  }
  void unlock() noexcept
  {
    note_given_back(rank_);
    pthread_mutex_unlock(&mutex_);
  }
  // In a forked child, whose one thread has taken it before the fork.
  void renew() noexcept
  {
    // A mutex knows its owner by thread id, which is another one now, so giving
    // it back fails; but the thread sanitizer does not know otherwise that it
    // is free.
    unlock();
    mutex_ = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;
  }

 private:
  const lock_rank rank_;
  pthread_mutex_t mutex_ = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;
};

// Not recursive.  Any thread; a thread that waits for it can be stopped by a
// signal.
class process_lock {
 public:
  constexpr explicit process_lock(lock_rank rank) noexcept : rank_(rank) {}
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
    note_taken(rank_);
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
    note_taken(rank_);
    return true;
  }

  void unlock() noexcept
  {
    note_given_back(rank_);
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

  const lock_rank rank_;
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
