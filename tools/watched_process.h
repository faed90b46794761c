// A process that hp-watch knows, and what became of each patch in it.
//
// Owns the rule when a refusal is final.  A process that has just started is
// still being loaded, and refuses what it takes a moment later; so it is tried
// again until it is some seconds old, and only then told and left alone.  A
// process that is busy is tried again for ever, and reported once; not so if a
// hook or a constructor did not come back, which is called once.  What is
// settled is settled until the process loads or unloads something: a patch for
// a module is applied when that is loaded, and again when it is loaded again.
//
// From the program's first thread.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TOOLS_WATCHED_PROCESS_H
#define HOTPATCH_TOOLS_WATCHED_PROCESS_H

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "processes/incarnation.h"
#include "runtime/base/deadline.h"
#include "tools/change_processes.h"
#include "tools/patch_directory.h"
#include "tools/process_tasks.h"

namespace hotpatch::tools {

class watched_process : public std::enable_shared_from_this<watched_process> {
 public:
  watched_process(pid_t process, const incarnation& run, deadline grown_up)
      : process_(process), run_(run), grown_up_(grown_up)
  {
  }

  const incarnation& run() const { return run_; }

  // Applies what concerns it and is not settled, in a task.  Never throws.
  void apply(const std::vector<const watched_patch*>& patches,
             const change_method& method, process_tasks& tasks) noexcept;

  // Nothing is settled any more if it has loaded or unloaded something since it
  // was looked at.
  void look_for_changes();

  // The same if a patch that it has is not in effect any more, which a module
  // that was loaded again in its old place does not show otherwise.  In a task;
  // false if there is no patch to look for.
  bool look_for_losses(process_tasks& tasks);

 private:
  enum class verdict : char;
  struct attempt;

  // Empty if it may not be looked at.
  std::set<std::string> loaded_builds() const;
  verdict try_patch(const watched_patch& patch, bool is_final,
                    const change_method& method) const;
  std::string try_patches(const attempt& what,
                          const change_method& method) const;
  void settle(const attempt& what, const task_result& result);
  void leave_alone(const file_version& version, const std::string& reason);

  pid_t process_;
  incarnation run_;
  deadline grown_up_;
  bool is_worked_on_ = false;
  bool has_patches_ = false;
  std::uint64_t images_ = 0;  // a hash over what is mapped; 0: not known
  std::set<file_version> settled_;
  std::set<file_version> held_;  // never again, whatever is loaded
  std::set<file_version> told_busy_;
  std::set<file_version> told_refused_;
};

}  // namespace hotpatch::tools

#endif
