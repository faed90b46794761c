// Whether a patch object fits a program, before anything of it is loaded.
//
// Pure: the images may be those of this process or of another one.  Owns the
// list of checks: the build, that each function to be replaced has one patch
// site, its prototype and the layout of its types, that no copies of it are
// inlined into functions which stay, that what the patch uses is there, and the
// layout of that.  Who needs all failures and not just the first
// gives the report a listener.
//
// Any thread, each with its own objects.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_PATCH_CHECK_H
#define HOTPATCH_RUNTIME_PATCH_CHECK_H

#include <span>

#include "runtime/base/array.h"
#include "runtime/objects/check_report.h"
#include "runtime/objects/import_resolver.h"
#include "runtime/objects/own_definitions.h"
#include "runtime/objects/patch_file.h"
#include "runtime/objects/program_image.h"
#include "runtime/objects/target_search.h"

namespace hotpatch {

struct checked_patch {
  // Of each replacement one or, as it wishes, several; none for the body of a
  // constructor or destructor that the program does not have.
  array<patch_target> targets;
  // Those that have no site and need none; where they are is not looked at.
  array<const patch_replacement*> unprepared;
  array<import_value> imports;  // for plan_import_stores()
  array<own_definition> own;    // what the program defines, too
};

// What does not fit goes to `report`; `into` is complete if nothing does.  Else
// HP_MALFORMED, HP_NO_MEMORY.
[[nodiscard]] hp_status check_patch(patch_file& patch,
                                    std::span<program_image> images,
                                    checked_patch& into,
                                    check_report& report) noexcept;

}  // namespace hotpatch

#endif
