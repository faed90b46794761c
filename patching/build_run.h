// A build of the changed tree, in which the compiler plugin compares each unit
// with its baseline, and nothing that the tree has is written over.
//
// One thread at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_PATCHING_BUILD_RUN_H
#define HOTPATCH_PATCHING_BUILD_RUN_H

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "patching/against_directory.h"
#include "patching/child_commands.h"

namespace hotpatch::patching {

struct build_options {
  bool shows_output = false;
  bool shows_progress = false;  // on a terminal
};

// What commands need in their environment so that the plugin compares.  Throws
// tool_error if the programs in place of `as` and `collect2` are not installed.
std::vector<std::pair<std::string, const char*>> against_environment(
    const against_directory& against);

// Runs a build command to its end.  Returns its status; its output is in the
// file "log" of the directory unless it is shown.
int run_build(const against_directory& against,
              const std::vector<std::string>& command,
              const std::string& directory, const build_options& options);

// Prints "compared 12 units" again and again, on one line of a terminal.
class progress_line {
 public:
  progress_line(const against_directory& against, bool is_shown)
      : against_(against), is_shown_(is_shown)
  {
  }
  progress_line(const progress_line&) = delete;
  progress_line& operator=(const progress_line&) = delete;
  ~progress_line();

  void show();

 private:
  const against_directory& against_;
  const bool is_shown_;
  std::size_t last_ = 0;
};

}  // namespace hotpatch::patching

#endif
