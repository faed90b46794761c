// Threads that call patched functions all the time, threads that change them,
// and the rules that no call may break.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TESTSUITE_STRESS_HARNESS_H
#define HOTPATCH_TESTSUITE_STRESS_HARNESS_H

#include <atomic>
#include <cstddef>

namespace stress {

using function = int (*)(int);

// Every function of a subject returns its argument plus its own increment, so
// that a result tells which one ran: 1 is the original.
struct variant {
  function code;
  int increment;
};
inline constexpr int original_increment = 1;
inline constexpr int variant_count = 4;

// One function under test.  `version` is odd while it changes; while it is even
// `expected` is the only increment that a call may show.
struct alignas(128) subject {
  const char* name;
  function call;
  std::atomic<unsigned> version{0};
  std::atomic<int> expected{original_increment};
};

inline constexpr std::size_t subject_count = 16;
extern subject subjects[subject_count];
extern const variant* variants;  // two near, two far

// How the functions are changed: the library, or a control that is broken on
// purpose.  Changes subjects `first`, `first + stride`, ... until `stop`, and
// returns how often.  Sets `version` and `expected`.
using changer = long (*)(std::size_t first, std::size_t stride,
                         const std::atomic<bool>& stop);

struct result {
  long calls = 0;
  long changes = 0;
  long impossible = 0;  // no variant's increment
  long stale = 0;       // not the one that a finished change had made active
};

// Runs `callers` and `changers` threads for that long, or until something is
// wrong.
result run(changer change, unsigned callers, unsigned changers, double seconds);

// The changes made by hp_apply and hp_revert, checked against a model of the
// stack of replacements.
long change_by_library(std::size_t first, std::size_t stride,
                       const std::atomic<bool>& stop);

// The controls: each must make run() fail or crash.
long change_opcode_first(std::size_t first, std::size_t stride,
                         const std::atomic<bool>& stop);
long change_too_late(std::size_t first, std::size_t stride,
                     const std::atomic<bool>& stop);

}  // namespace stress

#endif
