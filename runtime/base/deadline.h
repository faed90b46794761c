// A point in time until which something may be waited for.
//
// A value.  Any thread; async-signal-safe.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_DEADLINE_H
#define HOTPATCH_RUNTIME_DEADLINE_H

#include <algorithm>
#include <cstdint>
#include <time.h>

#include "runtime/base/system_call.h"

namespace hotpatch {

// Wakes early if a signal comes.
inline void sleep_for(std::int64_t nanoseconds) noexcept
{
  constexpr std::int64_t second = 1'000'000'000;
  const timespec pause{nanoseconds / second, nanoseconds % second};
  system_call(SYS_nanosleep, &pause, nullptr);
}

// Nanoseconds of the clock that nobody sets.
inline std::int64_t monotonic_now() noexcept
{
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * std::int64_t{1'000'000'000} + now.tv_nsec;
}

class deadline {
 public:
  static deadline in_nanoseconds(std::int64_t wait) noexcept
  {
    return deadline(monotonic_now() + wait);
  }
  static deadline in_milliseconds(std::int64_t wait) noexcept
  {
    return in_nanoseconds(std::min<std::int64_t>(wait, year_ms) * 1'000'000);
  }

  // Nanoseconds; 0 when it has passed.
  std::int64_t left() const noexcept
  {
    return std::max<std::int64_t>(at_ - monotonic_now(), 0);
  }
  bool passed() const noexcept { return left() == 0; }
  deadline or_earlier(deadline other) const noexcept
  {
    return deadline(std::min(at_, other.at_));
  }
  deadline or_later(deadline other) const noexcept
  {
    return deadline(std::max(at_, other.at_));
  }

 private:
  static constexpr std::int64_t year_ms = 365ll * 24 * 3600 * 1000;
  explicit deadline(std::int64_t at) noexcept : at_(at) {}

  std::int64_t at_;
};

}  // namespace hotpatch

#endif
