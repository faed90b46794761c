// The two forms in which hp-status shows what processes have.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TOOLS_STATUS_VIEW_H
#define HOTPATCH_TOOLS_STATUS_VIEW_H

#include <vector>

#include "tools/output.h"
#include "tools/process_status.h"

namespace hotpatch::tools {

// A line for each patch of each process, and for each that it lacks.
void show_status_table(const std::vector<process_status>& all, output& out);

void show_status_json(const std::vector<process_status>& all, output& out);

}  // namespace hotpatch::tools

#endif
