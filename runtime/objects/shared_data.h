// Data that a patch object and the program both define: inline variables,
// static variables of inline functions and templates, virtual tables and type
// descriptions of classes in headers.
//
// A language makes one of them, the dynamic linker only if the program exports
// its own.  Owns the rule that the program's counts: it has the present value,
// and objects that the patch makes may outlive the patch.
//
// Pure; any thread, each with its own objects.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_SHARED_DATA_H
#define HOTPATCH_RUNTIME_SHARED_DATA_H

#include <span>

#include "runtime/base/array.h"
#include "runtime/objects/import_resolver.h"

namespace hotpatch {

// Appends a value for each such symbol of `patch` that one of the images has.
// HP_MALFORMED, HP_NO_MEMORY.
[[nodiscard]] hp_status find_shared_data(elf_file& patch,
                                         std::span<program_image> images,
                                         array<import_value>& into) noexcept;

}  // namespace hotpatch

#endif
