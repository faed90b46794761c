// What a patch object defines although the program defines it, too: functions,
// of which each side uses its own, and variables, which are new ones in the
// patch and were perhaps meant to be the program's.
//
// Pure; any thread, each with its own objects.  Nothing of it is a fault by
// itself: it is for people to judge.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_OWN_DEFINITIONS_H
#define HOTPATCH_RUNTIME_OWN_DEFINITIONS_H

#include <span>

#include "runtime/base/array.h"
#include "runtime/objects/import_resolver.h"
#include "runtime/objects/patch_file.h"
#include "runtime/objects/program_image.h"
#include "runtime/objects/target_search.h"

namespace hotpatch {

struct own_definition {
  const char* name = "";        // symbol in the patch
  const char* their_name = "";  // and in the program
  const char* file = "";        // the program's source file, "": not known
  const program_image* image = nullptr;
  bool is_function = false;
};

// Appends functions that others may call, and variables that can be written, of
// the patch; variables that are static in the program only if they lie in a
// source file of which the patch replaces something.  HP_MALFORMED,
// HP_NO_MEMORY.
[[nodiscard]] hp_status find_own_definitions(
    patch_file& patch, std::span<program_image> images,
    std::span<const patch_target> targets,
    std::span<const import_value> imports,
    array<own_definition>& into) noexcept;

// Data that a patch object and the program both define: inline variables,
// static variables of inline functions and templates, virtual tables and type
// descriptions of classes in headers.
//
// A language makes one of them, the dynamic linker only if the program exports
// its own.  Owns the rule that the program's counts: it has the present value,
// and objects that the patch makes may outlive the patch.
//
// Pure; any thread, each with its own objects.

// Appends a value for each such symbol of `patch` that one of the images has.
// HP_MALFORMED, HP_NO_MEMORY.
[[nodiscard]] hp_status find_shared_data(elf_file& patch,
                                         std::span<program_image> images,
                                         array<import_value>& into) noexcept;

}  // namespace hotpatch

#endif
