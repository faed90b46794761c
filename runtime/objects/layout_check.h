// Whether the types that a patch object works with have the same members, at
// the same places, in the program.
//
// Pure; any thread, each with its own objects.  A type that one of the two has
// only declared contradicts nothing.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_LAYOUT_CHECK_H
#define HOTPATCH_RUNTIME_LAYOUT_CHECK_H

#include <cstdint>

#include "runtime/objects/type_catalogue.h"

namespace hotpatch {

// What is compared, for messages: "fix.so: parse_header".
struct layout_subject {
  const char* label;
  const char* name;
};

// The types that a function's prototype leads to, by the two layout hashes.
// HP_OK, HP_LAYOUT with the first difference, HP_NO_MEMORY.
[[nodiscard]] hp_status check_function_layout(
    layout_subject subject, const type_catalogue& program,
    std::uint64_t program_hash, const type_catalogue& patch,
    std::uint64_t patch_hash) noexcept;

// The types that a variable of the patch leads to, by their names: of its own
// variable the program says something only if the type has no name
// (`program_hash`, else 0).
[[nodiscard]] hp_status check_variable_layout(
    layout_subject subject, const type_catalogue& program,
    std::uint64_t program_hash, const type_catalogue& patch,
    std::uint64_t patch_hash) noexcept;

}  // namespace hotpatch

#endif
