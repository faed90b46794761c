// Which site of a program a replacement is for.
//
// By the same names as hp_apply() takes.  What is found refers to the image,
// and is as valid as that.  Any thread.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_TARGET_SEARCH_H
#define HOTPATCH_RUNTIME_TARGET_SEARCH_H

#include <span>

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

// HP_NOT_FOUND with similar names, HP_AMBIGUOUS.  `label` is the patch's.
[[nodiscard]] hp_status find_target(const char* label,
                                    const patch_replacement& wanted,
                                    std::span<const program_image> images,
                                    patch_target& into) noexcept;

}  // namespace hotpatch

#endif
