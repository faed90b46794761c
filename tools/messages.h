// What the tools say to people, beside tables and documents.
//
// Owns the invariant that no name which a process, a thread or a file chose for
// itself does anything to the terminal of its reader, root's perhaps.  One
// thread at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TOOLS_MESSAGES_H
#define HOTPATCH_TOOLS_MESSAGES_H

#include <cstdio>
#include <string_view>

namespace hotpatch::tools {

// Control characters become \x1b and the like, except the newlines between
// several reasons.
void print_line(std::FILE* where, std::string_view text);

// "hp-apply: process 4711 ...", on the standard error.
void complain(std::string_view tool, std::string_view text);

// --- Files that become shorter while a tool reads them ----------------------
//
// The tools map the files that they read, which is what makes them fast; the
// kernel answers a look at what is no longer there with SIGBUS (mmap(2)).
// hp-apply may end anywhere without harm to the process that it works on.

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
