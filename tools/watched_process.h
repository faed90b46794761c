// A process that hp-watch knows, and what became of each patch in it.
//
// Owns the rule when a refusal is final.  A process that has just started is
// still being loaded, and refuses what it takes a moment later; so it is tried
// again until it is some seconds old, and only then told and left alone.  A
// process that is busy is tried again for ever, and told of once.
//
// From the thread that traces.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TOOLS_WATCHED_PROCESS_H
#define HOTPATCH_TOOLS_WATCHED_PROCESS_H

#include <set>
#include <string>
#include <vector>

#include "processes/incarnation.h"
#include "runtime/base/deadline.h"
#include "tools/how_options.h"
#include "tools/patch_directory.h"

namespace hotpatch::tools {

class watched_process {
 public:
  watched_process(pid_t process, const incarnation& run, deadline grown_up)
      : process_(process), run_(run), grown_up_(grown_up)
  {
  }

  const incarnation& run() const { return run_; }

  // Applies what concerns it and is not settled.
  void apply(const std::vector<const watched_patch*>& patches,
             const how_options& how);

 private:
  // Empty if it may not be looked at.
  std::set<std::string> loaded_builds() const;
  void try_patch(const watched_patch& patch, const how_options& how);

  pid_t process_;
  incarnation run_;
  deadline grown_up_;
  std::set<file_version> settled_;
  std::set<file_version> told_busy_;
};

}  // namespace hotpatch::tools

#endif
