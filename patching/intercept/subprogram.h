// What the programs that stand in for GCC's `as`, `collect2` and `objcopy`
// share.
//
// They are found by the compiler's driver because hp-patch puts their directory
// into COMPILER_PATH, and do what the real program does unless the compiler
// plugin has compared the unit with its baseline.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_PATCHING_SUBPROGRAM_H
#define HOTPATCH_PATCHING_SUBPROGRAM_H

#include <set>
#include <string>
#include <vector>

namespace hotpatch::patching {

// The directory of hp-patch (against_directory.h), "" outside of its builds.
std::string against_path();

// Becomes the real program of this name, and ends with a message if there is
// none.
[[noreturn]] void become_real(const std::string& name,
                              const std::vector<std::string>& arguments);

// Runs it and returns how it ended, as a shell would say it.
int run_real(const std::string& name,
             const std::vector<std::string>& arguments);

// Adds a line to one of hp-patch's files.  Ends the program with a message if
// that fails.
void add_line(const std::string& file, const std::string& line);

// The lines of one of them.
std::set<std::string> lines_of(const std::string& file);

// Without links and dots, as far as it exists.
std::string real_path(const std::string& path);

// The output of this path is not to be made: what is there stays, and where
// nothing is, there is a stub.
void keep_output(const std::string& path, unsigned mode);

// "as: TEXT" on the standard error, and exit status 1.
[[noreturn]] void give_up(const std::string& text);

}  // namespace hotpatch::patching

#endif
