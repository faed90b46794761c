// Which sites of a program a name means: those that a replacement is for, or
// whose body or function a patch uses.
//
// By the same names as hp_apply() takes.  Of the bodies that constructors and
// destructors have under one name, a replacement that is such a body itself is
// for the same one.  What is found refers to the image, and is as valid as
// that. Any thread.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_TARGET_SEARCH_H
#define HOTPATCH_RUNTIME_TARGET_SEARCH_H

#include <span>

#include "runtime/base/array.h"
#include "runtime/include/hotpatch.h"
#include "runtime/objects/patch_reader.h"
#include "runtime/objects/program_image.h"

namespace hotpatch {

// Where a replacement goes.
struct patch_target {
  const patch_replacement* replacement = nullptr;
  site where;  // with addresses of the process; texts of the image
  const program_image* image = nullptr;
};

struct found_site {
  site where;  // as in patch_target
  const program_image* image = nullptr;
};

// All sites that `name` means; `own` is the assembler name of the function that
// asks, "" if that does not matter.  False: no memory.
[[nodiscard]] bool find_sites(const char* name, const char* own,
                              std::span<const program_image> images,
                              array<found_site>& into) noexcept;

// Appends the targets of a replacement: one, or with "NAME#all" several.
// HP_NOT_FOUND with similar names, HP_AMBIGUOUS, HP_NO_MEMORY.  `label` is the
// patch's.
[[nodiscard]] hp_status find_targets(const char* label,
                                     const patch_replacement& wanted,
                                     std::span<const program_image> images,
                                     array<patch_target>& into) noexcept;

// Whether it does no harm that the replacement has no target: `wanted` is a
// body of a constructor or destructor, another one of `all` has one, and either
// it is the destructor that frees the memory, which calls another one, or the
// program has no such body, as of inline ones only those are there that it
// uses.
[[nodiscard]] bool may_be_absent(
    const patch_replacement& wanted, std::span<const patch_replacement> all,
    std::span<const program_image> images) noexcept;

// "conn.c:check#1 and conn.c:check#2 (in server)", for messages: names by which
// each is found alone.
struct site_choices {
  explicit site_choices(const array<found_site>& sites) noexcept;
  char text[800] = "";
};

}  // namespace hotpatch

#endif
