// The hooks of a patch object, called in the process by a borrowed thread.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_HOOK_CALL_H
#define HOTPATCH_OUTSIDE_HOOK_CALL_H

#include "outside/borrowed_thread.h"
#include "outside/patch_object.h"
#include "outside/target_memory.h"

namespace hotpatch::outside {

bool has_hook(const patch_object& patch, format::hook_time when);

// All of that time, in their order.  Throws trouble with its words if one that
// is asked before a change does not want it.
void call_hooks(borrowed_thread& thread, const target_memory& memory,
                const patch_object& patch, format::hook_time when);

}  // namespace hotpatch::outside

#endif
