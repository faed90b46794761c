// Gets every other thread of the process to enter the gate.
//
// Lists threads and asks those not yet asked, until as many stand still as
// there are: none is left then that could begin a new one.  Where some can
// never stand, a further listing has to show none but those.  Used once for
// each stop, with the gate open; allocates nothing but pages, takes no lock.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_THREAD_GATHERING_H
#define HOTPATCH_RUNTIME_THREAD_GATHERING_H

#include <cstddef>
#include <cstdint>

#include "runtime/base/deadline.h"
#include "runtime/include/hotpatch.h"
#include "runtime/threads/thread_list.h"
#include "runtime/threads/thread_stop.h"
#include "runtime/threads/thread_table.h"

namespace hotpatch {

// Why the threads could not be stopped: kept as numbers while they stand still,
// put into words when they run again.
//
// A value.  report() formats and so must not be called during a stop.
struct stop_obstacle {
  enum class reason {
    none,
    blocks_signal,
    uses_signal,  // and not for a moment: it waits for it, or blocks it alone
    in_kernel,
    under_debugger,
    too_slow,
    no_queue,
    not_listed,
    no_memory,
    no_proc,
    wrong_proc,
    refused,
  };

  hp_status report() const noexcept;

  reason why = reason::none;
  pid_t thread = 0;
  thread_name name = "";
  int signal = 0;
  int error = 0;
};

class thread_gathering {
 public:
  thread_gathering(int signal, thread_table& threads) noexcept
      : signal_(signal), threads_(threads)
  {
  }

  // True when all stand still.
  bool run(deadline until) noexcept;

  const stop_obstacle& what_failed() const noexcept { return failure_; }
  std::size_t standing() const noexcept { return standing_; }

 private:
  using reason = stop_obstacle::reason;
  static constexpr std::size_t max_suspects = 8;

  bool all_answered() noexcept;
  bool take_listing() noexcept;
  void meet(pid_t thread) noexcept;
  void ask(thread_table::entry& thread) noexcept;
  void suspect(pid_t thread) noexcept;
  void collect() noexcept;
  void wait(std::int64_t nanoseconds, deadline until) noexcept;
  void examine_suspects() noexcept;
  void examine(pid_t thread) noexcept;
  bool uses_signal(pid_t thread, const thread_status& status) const noexcept;
  void blame(pid_t thread, reason why) noexcept;
  void give_up(reason why, pid_t thread, int error = 0) noexcept;

  bool hopeless() const noexcept { return failure_.why != reason::none; }

  const int signal_;
  thread_table& threads_;
  const pid_t own_thread_ = own_thread_id();
  const pid_t own_process_ = own_process_id();

  const stopped_thread* collected_ = nullptr;  // and those after it
  std::size_t standing_ = 0;
  std::size_t answered_ = 0;  // of those that were asked

  // The last listing.
  std::size_t listed_ = 0;
  std::size_t running_ = 0;
  bool complete_ = false;
  std::size_t suspect_count_ = 0;
  pid_t suspects_[max_suspects] = {};  // the first few of those that run

  reason likely_ = reason::not_listed;  // what the last suspect looked like
  pid_t likely_thread_ = 0;
  stop_obstacle failure_;
};

}  // namespace hotpatch

#endif
