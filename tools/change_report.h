// What a tool prints about a change that was made, or would be.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TOOLS_CHANGE_REPORT_H
#define HOTPATCH_TOOLS_CHANGE_REPORT_H

#include <cstdint>

#include "outside/applying.h"

namespace hotpatch::tools {

enum class change_kind { apply, revert };

// On the standard output.
void tell_change(change_kind kind, bool dry_run, pid_t process,
                 const outside::apply_result& result, std::int64_t took_ns);

}  // namespace hotpatch::tools

#endif
