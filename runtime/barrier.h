// Makes every core of this process see changed text.
//
// A processor may have fetched and decoded old bytes; a core-serialising
// instruction makes it fetch again (Intel SDM volume 3, "Handling self- and
// cross-modifying code").  membarrier(SYNC_CORE) has the kernel execute one on
// every core that runs a thread of this process; a thread that is not running
// meets one before it runs again.
//
// Any thread; no lock.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_BARRIER_H
#define HOTPATCH_RUNTIME_BARRIER_H

namespace hotpatch {

enum class barrier_kind {
  membarrier,
  // The kernel has no membarrier or a filter forbids it.  Calls still enter
  // the old or the new function, but a thread may enter the old one shortly
  // after the change has returned, and protocols that need every core to have
  // taken notice are not possible.
  none,
};

// What serialise_cores() does here.  Registers this process with the kernel at
// the first call, which a constructor makes early: with one thread that takes
// microseconds, with several some milliseconds.
barrier_kind available_barrier() noexcept;

// Returns after every core has serialised; does nothing for barrier_kind::none.
void serialise_cores() noexcept;

}  // namespace hotpatch

#endif
