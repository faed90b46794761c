// One patch in one process: by the process itself, if it offers that, or by
// tracing it.
//
// From the thread that traces.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TOOLS_CHANGE_PATCH_H
#define HOTPATCH_TOOLS_CHANGE_PATCH_H

#include <string>

#include "outside/applying.h"
#include "tools/change_report.h"
#include "tools/how_options.h"

namespace hotpatch::tools {

// Applies what was read of a file, whatever is in that file by now.  Throws
// trouble, process_busy.
outside::apply_result apply_patch(const how_options& how, pid_t process,
                                  outside::patch_object& patch);

// A file to apply, or a name to revert.  Throws the same.
outside::apply_result change_patch(change_kind kind, const how_options& how,
                                   pid_t process, const std::string& patch);

}  // namespace hotpatch::tools

#endif
