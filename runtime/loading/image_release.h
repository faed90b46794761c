// When a shared object whose code was in use may be unloaded.
//
// Any thread, without the library's lock: it takes the dynamic loader's.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_IMAGE_RELEASE_H
#define HOTPATCH_RUNTIME_IMAGE_RELEASE_H

#include "runtime/base/deadline.h"
#include "runtime/base/status.h"
#include "runtime/include/hotpatch.h"

namespace hotpatch {

// HP_OK: no site and no hook leads into the shared object in which `code` lies,
// and a moment has been seen in which no thread was inside it, or on the way
// there, or kept an address in its code where a stack search finds it.  So no
// thread will be inside unless it is applied again or the program keeps a
// pointer elsewhere.  The library has given its own reference to the object
// back, which may have unloaded it.
//
// HP_INVALID: there is no object that could be unloaded; HP_NEEDED: a function
// or a patch, named in the message, still leads there; HP_BUSY: a thread, named
// in the message, is inside; HP_UNSUPPORTED, HP_DENIED, HP_NO_MEMORY.
[[nodiscard]] hp_status release_image(const call_context& call,
                                      const void* code,
                                      deadline until) noexcept;

}  // namespace hotpatch

#endif
