// The instruction after which a core executes text as it now is.
//
// Any thread; async-signal-safe; one to two microseconds in a virtual machine.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_CORE_SERIALISE_H
#define HOTPATCH_RUNTIME_CORE_SERIALISE_H

#include <cpuid.h>

namespace hotpatch {

// Serialising by Intel SDM volume 3, "Serializing Instructions", and AMD APM
// volume 2, 7.6.4; a return from the kernel only happens to be.
[[gnu::always_inline]] inline void serialise_core() noexcept
{
  unsigned a, b, c, d;
  __cpuid(0, a, b, c, d);
}

}  // namespace hotpatch

#endif
