// A lock-free list of the threads that stand in the stop signal's handler.
// SPDX-License-Identifier: MIT
#include "runtime/threads/stop_gate.h"

#include "runtime/base/core_serialise.h"
#include "runtime/base/countermeasure.h"
#include "runtime/threads/thread_list.h"

namespace hotpatch {

namespace {

// A list to which threads only add themselves; it ends with null.  Its head is
// this element while the gate is closed.
constinit stopped_thread closed_mark{};
constinit std::atomic<stopped_thread*> newest{&closed_mark};

// A thread wakes the stopper when `arrivals` reaches `awaited`.  A hint only:
// a thread counts itself after it has entered, perhaps when that stop is over.
constinit futex_word arrivals{0};
constinit std::atomic<std::uint32_t> awaited{0};

// How many are in the handler, with all signals blocked: also those that have
// been released and did not run since.
constinit std::atomic<std::uint32_t> present{0};

// One word for all to wait on, so that one call wakes them all.
constinit futex_word releases{0};

[[gnu::always_inline]] inline bool reached(std::uint32_t now,
                                           std::uint32_t goal)
{
  return static_cast<std::int32_t>(now - goal) >= 0;
}

}  // namespace

// Runs at any instruction of the program: raw system calls and atomics only.
[[gnu::no_sanitize("address", "thread", "undefined")]] void stand_still(
    int, siginfo_t*, void* context) noexcept
{
  stopped_thread self{nullptr, own_thread_id(),
                      static_cast<const ucontext_t*>(context),
                      own_thread_pointer(), 0};

  self.next = newest.load(std::memory_order_relaxed);
  do {
    if (self.next == &closed_mark)
      return;
  } while (!newest.compare_exchange_weak(
      self.next, &self, std::memory_order_acq_rel, std::memory_order_relaxed));

  present.fetch_add(1, std::memory_order_relaxed);
  if (reached(arrivals.fetch_add(1) + 1, awaited.load()))
    futex_wake_all(arrivals);

  std::uint32_t action;
  for (;;) {
    const std::uint32_t seen = releases.load(std::memory_order_acquire);
    action = self.released.load(std::memory_order_acquire);
    if (action != 0 || !HP_COUNTERMEASURE(wait_in_handler))
      break;
    futex_wait(releases, seen);
  }
  if (action ==
      static_cast<std::uint32_t>(stopped_threads::on_resume::serialise))
    serialise_core();
  present.fetch_sub(1, std::memory_order_relaxed);
}

void open_gate() noexcept
{
  // No thread waits yet, so none need be woken.
  constexpr std::uint32_t never = 0x7fffffff;
  awaited.store(arrivals.load() + never);
  newest.store(nullptr, std::memory_order_release);
}

const stopped_thread* inside_gate() noexcept
{
  return newest.load(std::memory_order_acquire);
}

std::size_t count_present() noexcept
{
  return present.load(std::memory_order_relaxed);
}

std::uint32_t count_arrivals() noexcept
{
  return arrivals.load();
}

void wait_for_arrivals(std::uint32_t before, std::size_t missing,
                       std::int64_t nanoseconds) noexcept
{
  const std::uint32_t goal = before + static_cast<std::uint32_t>(missing);
  awaited.store(goal);
  const std::uint32_t now = arrivals.load();
  if (!reached(now, goal))
    futex_wait(arrivals, now, nanoseconds);
}

void close_gate(stopped_threads::on_resume action) noexcept
{
  stopped_thread* each =
      newest.exchange(&closed_mark, std::memory_order_acq_rel);
  if (each == &closed_mark)
    return;
  while (each != nullptr) {
    stopped_thread* const next = each->next;  // gone once it is released
    each->released.store(static_cast<std::uint32_t>(action),
                         std::memory_order_release);
    each = next;
  }
  releases.fetch_add(1, std::memory_order_release);
  futex_wake_all(releases);
}

void abandon_gate() noexcept
{
  newest.store(&closed_mark, std::memory_order_release);
  present.store(0, std::memory_order_relaxed);
}

}  // namespace hotpatch
