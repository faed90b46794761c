// What the tools say to people, beside tables and documents.
//
// Owns the invariant that no name which a process, a thread or a file chose for
// itself does anything to the terminal of who reads it, root's perhaps.  One
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

}  // namespace hotpatch::tools

#endif
