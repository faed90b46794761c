// membarrier(2), the commands that serialise instruction fetch; or signals.
// SPDX-License-Identifier: MIT
#include "runtime/text/barrier.h"
#include "runtime/base/back_off.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/base/countermeasure.h"
#include "runtime/base/deadline.h"
#include "runtime/base/status.h"
#include "runtime/threads/thread_stop.h"

namespace hotpatch {

namespace {

// How the last barrier went: membarrier's error number, 0 if it was done; then
// what kept a thread from taking the signal, "" if they all took it.
constinit int refused = 0;
constinit char obstacle[256] = "";

long membarrier(int command)
{
  return syscall(SYS_membarrier, command, 0, 0);
}

// Registered once for the process: with one thread that takes microseconds,
// with several some milliseconds.  Inherited by fork and lost by exec.
[[gnu::constructor]] void register_process()
{
  // Libraries ask for it without being asked themselves: errno stays.
  const int saved_errno = errno;
  if (membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE) != 0)
    refused = errno;
  errno = saved_errno;
}

// An attempt holds all threads until the last has come.
bool signal_all(deadline until)
{
  constexpr std::int64_t longest = 500'000'000;
  back_off pauses(0);
  for (std::int64_t attempt = 20'000'000;;
       attempt = std::min(2 * attempt, longest)) {
    const std::int64_t start = monotonic_now();
    if (!HP_COUNTERMEASURE(reach_by_signal))
      return true;
    if (serialise_threads(deadline::in_nanoseconds(attempt)) == HP_OK)
      return true;
    std::snprintf(obstacle, sizeof obstacle, "%s", last_message());
    if (until.passed())
      return false;
    sleep_for(std::min(pauses.after(monotonic_now() - start), until.left()));
  }
}

}  // namespace

bool serialise_cores(std::int64_t patience) noexcept
{
  // Asked again each time: a filter may have come, or memory was short.
  if (membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE) == 0) {
    refused = 0;
    return true;
  }
  refused = errno;
  if (!signal_all(deadline::in_nanoseconds(patience)))
    return false;
  obstacle[0] = '\0';
  return true;
}

const char* barrier_name() noexcept
{
  if (refused == 0)
    return "membarrier";
  return *obstacle == '\0' ? "signals" : "none";
}

const char* barrier_reason() noexcept
{
  static constinit char reason[sizeof obstacle + 128];
  if (refused == 0)
    return "";
  std::snprintf(reason, sizeof reason, "membarrier(2) is refused: %s%s%s",
                std::strerror(refused), *obstacle != '\0' ? "; " : "",
                obstacle);
  return reason;
}

}  // namespace hotpatch
