// A point in time until which something may be waited for, and trying until
// then without keeping others from what they need.
//
// Values.  Any thread; async-signal-safe.
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

// Nanoseconds of the clock that cannot be set.
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

// Trying again until a deadline, in slices that grow.  Between two of them the
// caller holds no lock: threads that wait for one can go on, leave what is to
// be replaced, and reach safe points.
//
//     for (time_slices time(until);;) {
//       status = attempt(time.slice());
//       if (status != HP_BUSY || !time.go_on())
//         break;
//     }
class time_slices {
 public:
  explicit time_slices(deadline until) noexcept : until_(until) {}

  // How long the attempt that begins now may take.
  deadline slice() const noexcept
  {
    return deadline::in_nanoseconds(length_).or_earlier(until_);
  }

  // False: the time is over.  Otherwise others have had a moment.
  [[nodiscard]] bool go_on() noexcept
  {
    if (until_.passed())
      return false;
    constexpr std::int64_t longest = 2'000'000'000;
    length_ = std::min(2 * length_, longest);
    sleep_for(1'000'000);
    return true;
  }

 private:
  deadline until_;
  std::int64_t length_ = 20'000'000;
};

}  // namespace hotpatch

#endif
