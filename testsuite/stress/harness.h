// Threads that call patched functions all the time, threads that change them,
// and the rules that no call may break.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TESTSUITE_STRESS_HARNESS_H
#define HOTPATCH_TESTSUITE_STRESS_HARNESS_H

#include <hotpatch.h>

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
// purpose.  Changes subjects `first`, `first + stride`, ... until `stop`.  Sets
// `version` and `expected`, and calls count_change().
using changer = void (*)(std::size_t first, std::size_t stride,
                         const std::atomic<bool>& stop);

// One change is done.
void count_change();

struct experiment {
  changer change;
  unsigned callers = 2;
  unsigned changers = 2;
  hp_level level = HP_IMMEDIATE;
  bool flood = false;             // of signals to the callers
  bool no_writable_code = false;  // PR_SET_MDWE
};

// Until both are reached, or something is wrong.
struct limits {
  double seconds = 0;
  long changes = 1;
};

struct result {
  long calls = 0;
  long signals = 0;
  long changes = 0;
  long impossible = 0;  // no variant's increment
  long stale = 0;       // not the one that a finished change had made active
};

result run(const experiment& what, limits until);

// The changes made by the library at the experiment's level, checked against a
// model of the stack of replacements.
void change_by_library(std::size_t first, std::size_t stride,
                       const std::atomic<bool>& stop);

// The controls: each must make run() fail or crash.
void change_opcode_first(std::size_t first, std::size_t stride,
                         const std::atomic<bool>& stop);
void change_across_lines(std::size_t first, std::size_t stride,
                         const std::atomic<bool>& stop);
void change_too_late(std::size_t first, std::size_t stride,
                     const std::atomic<bool>& stop);

// Makes the last subject a function whose word lies across two cache lines.
void place_across_lines();

}  // namespace stress

#endif
