// How long a program runs between two attempts for which its threads have to
// stand.
//
// Owns the promise that the program runs at least nine tenths of the time, and
// that it is not asked more and more often: each pause is at least twice the
// one before, up to a limit.  Pure; used by one thread.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_BACK_OFF_H
#define HOTPATCH_RUNTIME_BACK_OFF_H

#include <algorithm>
#include <cstdint>

#include "runtime/base/countermeasure.h"

namespace hotpatch {

class back_off {
 public:
  // The shortest first pause, in nanoseconds.
  constexpr explicit back_off(std::int64_t first_ns) noexcept : next_(first_ns)
  {
  }

  // The pause after an attempt in which threads stood so long, in nanoseconds.
  std::int64_t after(std::int64_t stood_ns) noexcept
  {
    constexpr std::int64_t longest_doubled = 50'000'000;
    if (!HP_COUNTERMEASURE(growing_pauses))
      return next_;
    const std::int64_t pause = std::max(next_, 9 * stood_ns);
    next_ = std::min(2 * pause, longest_doubled);
    return pause;
  }

 private:
  std::int64_t next_;
};

}  // namespace hotpatch

#endif
