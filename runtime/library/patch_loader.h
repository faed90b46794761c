// Loading patch objects into this process, and unloading them.
//
// Any thread, without the library's lock: it takes the dynamic loader's.  All
// that can be checked on the file is checked before the object is loaded,
// because loading runs its constructors.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_PATCH_LOADER_H
#define HOTPATCH_RUNTIME_PATCH_LOADER_H

#include "runtime/objects/check_report.h"
#include "runtime/include/hotpatch.h"

namespace hotpatch {

// All checks of the file against this process; nothing is loaded.
[[nodiscard]] hp_status check_patch_object(const char* path,
                                           check_report& report) noexcept;

// `options` null: as the patch wishes.  `frame`: the __builtin_frame_address of
// the function that the program called.
[[nodiscard]] hp_status load_patch_object(const char* path,
                                          const hp_commit_options* options,
                                          const void* frame) noexcept;

[[nodiscard]] hp_status unload_patch_object(const char* name,
                                            const hp_commit_options& options,
                                            const void* frame) noexcept;

}  // namespace hotpatch

#endif
