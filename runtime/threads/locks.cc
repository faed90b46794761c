// Forks, and the check of the order in test builds.
// SPDX-License-Identifier: MIT
#include "runtime/threads/locks.h"

#include "runtime/base/countermeasure.h"

#ifdef HP_TEST_COUNTERMEASURES
#include <cstdio>
#include <cstdlib>
#endif

namespace hotpatch {

namespace {

constinit fork_handlers at_forks[lock_ranks] = {};

// --- The order, in test builds
// -------------------------------------------------

#ifdef HP_TEST_COUNTERMEASURES
thread_local std::uint32_t held = 0;  // one bit for each rank

constexpr std::uint32_t bit_of(lock_rank rank)
{
  return std::uint32_t{1} << static_cast<unsigned>(rank);
}
#endif

void forget_all_locks()
{
#ifdef HP_TEST_COUNTERMEASURES
  held = 0;
#endif
}

// --- Forks
// ---------------------------------------------------------------------

using handler = void (*fork_handlers::*)();

// The outermost lock first, or last.
void call_all(handler which, bool outermost_first)
{
  for (std::size_t i = 0; i < lock_ranks; ++i) {
    const fork_handlers& each =
        at_forks[outermost_first ? i : lock_ranks - 1 - i];
    if (each.*which != nullptr)
      (each.*which)();
  }
}

void before_fork()
{
  call_all(&fork_handlers::before, HP_COUNTERMEASURE(fork_in_order));
}
void after_fork_in_parent()
{
  call_all(&fork_handlers::in_parent, false);
}
void after_fork_in_child()
{
  call_all(&fork_handlers::in_child, false);
  forget_all_locks();
}

// The only registration: the order of several depends on the linker.
[[gnu::constructor(101)]] void watch_forks()
{
  pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

}  // namespace

void handle_forks(lock_rank rank, const fork_handlers& handlers) noexcept
{
  at_forks[static_cast<std::size_t>(rank)] = handlers;
}

#ifdef HP_TEST_COUNTERMEASURES
void note_taken(lock_rank rank) noexcept
{
  if (held >= bit_of(rank)) {
    std::fprintf(stderr,
                 "lock order: a thread takes the lock of rank %u, and holds "
                 "one of rank %d\n",
                 static_cast<unsigned>(rank), 31 - __builtin_clz(held));
    std::abort();
  }
  held |= bit_of(rank);
}

void note_given_back(lock_rank rank) noexcept
{
  held &= ~bit_of(rank);
}
#endif

}  // namespace hotpatch
