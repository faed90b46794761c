// Applying patch objects to a running process, and taking them away.
//
// Everything that can be is checked before the process is touched; then the
// patch object is loaded by a borrowed thread, while the others run; then all
// threads are stopped for the switch.  What was seen before counts then only if
// it is still so; otherwise the threads go on and everything is looked at
// again.  The state in the patch object says at any moment how far things are,
// so that the command that comes after one that was killed can finish or undo.
//
// What fails before or in the switch leaves the process as it was, or
// half_changed says what it is; what fails after it does not make the change
// fail.  From the thread that traces.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_APPLY_H
#define HOTPATCH_OUTSIDE_APPLY_H

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "format/level.h"
#include "outside/change_lock.h"
#include "outside/loaded_patches.h"
#include "outside/patch_object.h"
#include "outside/remote_call.h"
#include "outside/site_switch.h"
#include "outside/switch_hooks.h"
#include "outside/switch_plan.h"
#include "outside/target_memory.h"
#include "processes/errors.h"
#include "runtime/base/deadline.h"

namespace hotpatch::outside {

// What is said to who wants to revert a patch that is not there.
tool_error no_patch(pid_t process, const std::string& name);

struct apply_settings {
  // Unstated: what the patch states, or quiescent.  A process that is traced
  // knows only quiescent and immediate.
  format::level level = format::level::unstated;
  std::int64_t timeout_ms = 10'000;
  bool dry_run = false;
  bool allow_copies = false;     // of what is replaced, in other functions
  bool suspend_seccomp = false;  // of the thread that is borrowed
  std::function<void(const std::string&)> step_listener;  // steps, for people
};

struct apply_result {
  std::string name;
  std::size_t functions = 0;
  std::int64_t stood_ns = 0;  // all threads
  std::int64_t away_ns = 0;   // the borrowed thread; others ran
  std::string suspended;      // the thread whose seccomp filter was suspended
  bool changed = true;        // false: it was so already
  bool by_itself = false;  // not from outside: it did not have to stand still
  std::string unended;     // what the patch has not come to an end with
  std::string stays;       // why its code stays loaded after it was reverted
  std::vector<std::string> warnings;
  std::vector<std::string> report;  // of a dry run, what would be done
};

class live_patching {
 public:
  // Throws tool_error if the process cannot be patched from outside.  The lock
  // is that of the process, and lives longer.
  live_patching(const change_lock& lock, const apply_settings& settings);

  // What is damaged in the process, a line each; nothing of it stands against a
  // change of something else.
  std::vector<std::string> damages() const { return patches_.damages(); }

  // Throw tool_error with all reasons, a line each; process_busy, process_held,
  // half_changed.
  apply_result apply(patch_object& file);
  apply_result revert(const std::string& name);

 private:
  struct present_patch;
  struct change;

  void find_present(patch_object& file, present_patch& present) const;
  void load_and_switch(patch_object& file, const present_patch& present,
                       apply_result& result);
  void take_away(const loaded_patch& patch, apply_result& result);
  format::level level_for(const patch_object& patch) const;
  void look_again(change& what);
  void carry_out(change& what, apply_result& result);
  void load(change& what);
  void prepare(change& what, switch_hooks& hooks);
  void stop_and_switch(change& what, apply_result& result);
  std::string find_stale(const switch_plan& plan);
  std::string find_own_change() const;
  void switch_standing(const switch_plan& plan);
  std::string describe_half(const switch_plan& plan);
  void clean_up(change& what, switch_hooks& hooks);
  void end_hooks(switch_hooks& hooks, apply_result& result);
  void store_imports(change& what, const checked_patch& checked);
  std::string unload_if_possible(std::uint64_t bias);
  void refuse_held_thread();
  deadline until_end() const;
  const target_code& code();
  template <typename Action>
  void borrow(deadline until, Action action);
  void try_to_borrow();
  void report_step(const std::string& text) const;

  const pid_t process_;
  const apply_settings settings_;
  const deadline until_;
  target_memory memory_;
  loaded_patches patches_;
  cell_supply cells_;
  std::optional<target_code> code_;
  std::int64_t away_ns_ = 0;
  std::string suspended_;
  bool code_is_in_use_ = false;  // by a thread that has not come back
};

}  // namespace hotpatch::outside

#endif
