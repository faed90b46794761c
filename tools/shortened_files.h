// A file that becomes shorter while a tool reads it.
//
// The tools map the files that they read, which is what makes them fast; the
// kernel answers a look at what is no longer there with SIGBUS (mmap(2)).  Owns
// the invariant that whoever runs the tool is told so.  hp-apply may end
// anywhere without harm to the process that it works at.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TOOLS_SHORTENED_FILES_H
#define HOTPATCH_TOOLS_SHORTENED_FILES_H

namespace hotpatch::tools {

// From now on the program ends with `status` and a message in the name of
// `tool` that ends with `way_out`; strings that last.  To be called once,
// before any file is read.
void tell_of_shortened_files(const char* tool, int status,
                             const char* way_out = "try again");

// Of tools that change processes.
constexpr int exit_cut_off = 3;
constexpr char look_at_process[] = "hp-status shows what was changed";

}  // namespace hotpatch::tools

#endif
