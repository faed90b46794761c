// Waiting for a word of memory to change, and waking who waits.
//
// Any thread; async-signal-safe.  Private futexes: this process only.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_FUTEX_H
#define HOTPATCH_RUNTIME_FUTEX_H

#include <atomic>
#include <climits>
#include <cstdint>

#include <linux/futex.h>
#include <time.h>

#include "runtime/base/system_call.h"

namespace hotpatch {

using futex_word = std::atomic<std::uint32_t>;
static_assert(sizeof(futex_word) == 4 && futex_word::is_always_lock_free);

// Returns at once if the word is not `seen`; otherwise when woken, after
// `nanoseconds` (negative: never), or for no reason: look again.
[[gnu::always_inline]] inline void futex_wait(
    const futex_word& word, std::uint32_t seen,
    std::int64_t nanoseconds = -1) noexcept
{
  timespec limit;
  limit.tv_sec = nanoseconds / 1'000'000'000;
  limit.tv_nsec = nanoseconds % 1'000'000'000;
  system_call(SYS_futex, &word, FUTEX_WAIT_PRIVATE, seen,
              nanoseconds < 0 ? nullptr : &limit);
}

[[gnu::always_inline]] inline void futex_wake_all(
    const futex_word& word) noexcept
{
  system_call(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT_MAX);
}

}  // namespace hotpatch

#endif
