// membarrier(2), the commands that serialise instruction fetch.
// SPDX-License-Identifier: MIT
#include "runtime/barrier.h"

#include <atomic>
#include <cerrno>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace hotpatch {

namespace {

enum class state { unknown, registered, refused };
constinit std::atomic<state> known{state::unknown};

long membarrier(int command)
{
  return syscall(SYS_membarrier, command, 0, 0);
}

// The registration is inherited by fork and lost by exec.
state register_process()
{
  // Libraries ask for it without being asked themselves: errno stays.
  const int saved_errno = errno;
  const bool accepted =
      membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE) == 0;
  errno = saved_errno;
  const state result = accepted ? state::registered : state::refused;
  known.store(result, std::memory_order_relaxed);
  return result;
}

[[gnu::constructor]] void register_early()
{
  register_process();
}

}  // namespace

barrier_kind available_barrier() noexcept
{
  state now = known.load(std::memory_order_relaxed);
  if (now == state::unknown)
    now = register_process();
  return now == state::registered ? barrier_kind::membarrier
                                  : barrier_kind::none;
}

void serialise_cores() noexcept
{
  if (available_barrier() == barrier_kind::none)
    return;
  // A filter set up after the registration makes this fail: say so from then
  // on instead of promising what does not happen.
  if (membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE) != 0)
    known.store(state::refused, std::memory_order_relaxed);
}

}  // namespace hotpatch
