// Trying for a long time without keeping others from the library.
//
// Called without the library's lock, which each try takes anew: threads that
// wait for it can go on in between, leave what is to be replaced, and reach
// safe points.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_TIME_SLICES_H
#define HOTPATCH_RUNTIME_TIME_SLICES_H

#include <algorithm>
#include <cstdint>
#include <time.h>

#include "runtime/base/deadline.h"
#include "runtime/include/hotpatch.h"

namespace hotpatch {

// Calls `once(deadline, bool& hopeless)`, which may take until its deadline,
// until it returns something else than HP_BUSY, sees no hope, or the time is
// over.
template <typename Try>
[[nodiscard]] hp_status try_in_slices(deadline until, Try once) noexcept
{
  constexpr std::int64_t longest = 2'000'000'000;
  std::int64_t slice = 20'000'000;
  for (;;) {
    bool hopeless = false;
    const hp_status status =
        once(deadline::in_nanoseconds(slice).or_earlier(until), hopeless);
    if (status != HP_BUSY || hopeless || until.passed())
      return status;
    slice = std::min(2 * slice, longest);
    const timespec millisecond{0, 1'000'000};
    nanosleep(&millisecond, nullptr);
  }
}

}  // namespace hotpatch

#endif
