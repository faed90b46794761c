// Makes every core of this process see changed text.
//
// A processor may have fetched and decoded old bytes; a core-serialising
// instruction makes it fetch again (Intel SDM volume 3, "Handling self- and
// cross-modifying code").  membarrier(SYNC_CORE) has the kernel execute one on
// every core that runs a thread of this process; a thread that is not running
// meets one before it runs again.  Where the kernel has no membarrier or a
// filter forbids it, each thread executes one in the handler of the signal that
// stops threads.
//
// Used under the library's lock.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_BARRIER_H
#define HOTPATCH_RUNTIME_BARRIER_H

#include <cstdint>

namespace hotpatch {

// How long serialise_cores() waits for threads that do not take the signal, in
// nanoseconds.  Timeout used before the commit starts, and after it, where a
// thread that is missed only causes a late call:
constexpr std::int64_t barrier_patience = 200'000'000;
// Timeout used during a commit that cannot go on without every thread:
constexpr std::int64_t barrier_long_patience = 10'000'000'000;

// True after every core has serialised.  False: some thread could not be
// reached in that many nanoseconds.  Calls still enter the old or the new
// function then, but a thread may enter the old one shortly after the change
// has returned, and protocols that need every core to have taken notice are not
// possible.
[[nodiscard]] bool serialise_cores(
    std::int64_t patience = barrier_patience) noexcept;

// The way in which the last one was done, or tried: "membarrier", "signals" or,
// if that failed, "none".
const char* barrier_name() noexcept;

// Why it is not the one before it in the list; "" for "membarrier".
const char* barrier_reason() noexcept;

}  // namespace hotpatch

#endif
