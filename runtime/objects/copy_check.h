// Whether functions can be replaced although copies of them were inlined into
// others.
//
// Owns the rule: the copies do not change with the function, so it is replaced
// together with every function that contains one, and with those that contain
// copies of these, or not at all.  What was replaced before does not count: a
// copy may be in that replacement, too.  Where nothing is known of copies there
// may be some.
//
// Pure: the images may be those of this process or of another one.  Any thread,
// each with its own objects.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_COPY_CHECK_H
#define HOTPATCH_RUNTIME_COPY_CHECK_H

#include <span>

#include "runtime/base/array.h"
#include "runtime/objects/check_report.h"
#include "runtime/objects/program_image.h"

namespace hotpatch {

// A function that is to be replaced.
struct replaced_function {
  site where;  // with addresses of the process; texts of the image
  const program_image* image = nullptr;
  const char* name = "";    // by which it was asked for
  bool any_copies = false;  // copies of it may stay as they are
};

// The record says that there may be copies.
[[nodiscard]] inline bool may_have_copies(const site& where) noexcept
{
  return (where.flags & format::site_copied) != 0;
}

// `together` are replaced at one moment.  Reports HP_INLINED for each that has
// copies elsewhere; `label`, "fix.so" or "", begins the words.  HP_OK,
// HP_NO_MEMORY.
[[nodiscard]] hp_status check_copies(
    const char* label, std::span<const replaced_function> together,
    std::span<const program_image> images, check_report& report) noexcept;

}  // namespace hotpatch

#endif
