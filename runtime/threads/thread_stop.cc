// Holding the other threads, and letting them go.
// SPDX-License-Identifier: MIT
#include "runtime/threads/thread_stop.h"

#include "runtime/base/status.h"
#include "runtime/base/system_call.h"
#include "runtime/threads/locks.h"
#include "runtime/threads/stop_gate.h"
#include "runtime/threads/stop_signal.h"
#include "runtime/threads/thread_gathering.h"
#include "runtime/threads/thread_table.h"

namespace hotpatch {

namespace {

constinit process_lock one_stopper(lock_rank::stopper);

// The lock, for who changes how threads are stopped.
class stopping_rules {
 public:
  stopping_rules() noexcept
  {
    if (one_stopper.lock())
      abandon_gate();
  }
  stopping_rules(const stopping_rules&) = delete;
  stopping_rules& operator=(const stopping_rules&) = delete;
  ~stopping_rules() { one_stopper.unlock(); }
};

// Kept from stop to stop: the memory is there before the threads stand still.
constinit thread_table threads;

std::uint64_t set_signal_mask(std::uint64_t mask)
{
  std::uint64_t before = 0;
  system_call(SYS_rt_sigprocmask, SIG_SETMASK, &mask, &before, sizeof mask);
  return before;
}

}  // namespace

hp_status stopped_threads::stop(deadline until) noexcept
{
  if (holding_)
    return fail(HP_INTERNAL, "the threads are stopped already");
  if (one_stopper.lock())
    abandon_gate();
  holding_ = true;
  stop_obstacle failure;
  do {
    // Before the mask changes: what this thread blocks is in use.
    hp_status status;
    const int signal = ready_stop_signal(stand_still, status);
    mask_ = set_signal_mask(~std::uint64_t{0});
    if (status == HP_OK && !threads.clear(threads.size()))
      status = fail(HP_NO_MEMORY, "no memory for the list of threads");
    if (status != HP_OK) {
      resume();
      return status;
    }
    open_gate();
    thread_gathering everybody(signal, threads);
    if (everybody.run(until)) {
      first_ = inside_gate();
      count_ = everybody.standing();
      return HP_OK;
    }
    failure = everybody.what_failed();
    close_gate(on_resume::nothing);
    set_signal_mask(mask_);
  } while (failure.why == stop_obstacle::reason::uses_signal &&
           give_up_stop_signal(failure.signal));
  holding_ = false;
  one_stopper.unlock();
  return failure.report();
}

void stopped_threads::resume(on_resume action) noexcept
{
  if (!holding_)
    return;
  close_gate(action);
  first_ = nullptr;
  count_ = 0;
  holding_ = false;
  one_stopper.unlock();
  set_signal_mask(mask_);
}

hp_status serialise_threads(deadline until) noexcept
{
  stopped_threads everybody;
  const hp_status status = everybody.stop(until);
  if (status == HP_OK)
    everybody.resume(stopped_threads::on_resume::serialise);
  return status;
}

void watch_stop_signal(const noted_descriptor* socket) noexcept
{
  const stopping_rules held;
  tell_stop_signal(socket);
  // Chosen now, so that a thread which does something long when the first stop
  // comes does not have the signal blocked.  If there is none, stops will say
  // so.
  hp_status status = HP_OK;
  if (socket != nullptr)
    (void)ready_stop_signal(stand_still, status);
}

}  // namespace hotpatch

hp_status hp_set_stop_signal(int signal)
{
  const hotpatch::stopping_rules held;
  return hotpatch::request_stop_signal(signal);
}
