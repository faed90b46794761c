// What hp-apply and hp-revert do with their options: process after process,
// patch after patch, and an exit status for all.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TOOLS_CHANGE_PROCESSES_H
#define HOTPATCH_TOOLS_CHANGE_PROCESSES_H

#include "tools/change_options.h"

namespace hotpatch::tools {

// Tells of success on the standard output, of failure on the standard error.
change_status change_processes(change_kind kind, const change_options& chosen);

}  // namespace hotpatch::tools

#endif
