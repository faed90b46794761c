// Where stopped threads stand: the signal handler's side of a stop.
//
// The gate is open while a stop is going on; a thread that receives the stop
// signal then enters it and stands until it is released.  When the gate is
// closed the handler returns at once, so a signal that comes late does no harm.
// Opened and closed under the lock of the thread layer.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_STOP_GATE_H
#define HOTPATCH_RUNTIME_STOP_GATE_H

#include <csignal>
#include <cstddef>
#include <cstdint>

#include "runtime/threads/thread_stop.h"

namespace hotpatch {

// The stop signal's handler.
void stand_still(int signal, siginfo_t* info, void* context) noexcept;

void open_gate() noexcept;

// Who has entered so far, the newest first; entries already seen keep their
// place.
const stopped_thread* inside_gate() noexcept;

// How many are in the handler: those inside the gate, and those that were
// released before and had no time to run since.
std::size_t count_present() noexcept;

// How many threads have ever entered, for wait_for_arrivals(); to be asked
// before inside_gate().
std::uint32_t count_arrivals() noexcept;

// Waits until `missing` more threads than `before` have entered, at most
// `nanoseconds`; may return early.
void wait_for_arrivals(std::uint32_t before, std::size_t missing,
                       std::int64_t nanoseconds) noexcept;

// Closes the gate and lets everybody go.
void close_gate(stopped_threads::on_resume action) noexcept;

// In a forked child: closes the gate; who stands there is not of this process.
void abandon_gate() noexcept;

}  // namespace hotpatch

#endif
