// Applying patch objects to a running process, and taking them away.
//
// Everything that can be is checked before the process is touched; then the
// patch object is loaded by a borrowed thread, while the others run; then all
// threads are stopped for the switch.  The state in the patch object says at
// any moment how far things are, so that who comes after one that was killed
// can finish or undo.  From the thread that traces.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_APPLYING_H
#define HOTPATCH_OUTSIDE_APPLYING_H

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "outside/loaded_patches.h"
#include "outside/patch_object.h"
#include "outside/switch_hooks.h"
#include "outside/switch_plan.h"
#include "outside/target_code.h"
#include "outside/target_memory.h"
#include "outside/waiting.h"
#include "processes/trouble.h"
#include "runtime/base/deadline.h"

namespace hotpatch::outside {

// A thread is inside a function that is to change, or in a hook that has to
// come back before, until the end.  No function was changed.
class process_busy : public trouble {
 public:
  using trouble::trouble;
};

// What is said to who wants to revert a patch that is not there.
trouble no_patch(pid_t process, const std::string& name);

// Whether the switch waits until nobody is inside what it takes away.
enum class change_level { immediate, quiescent };

struct apply_settings {
  // Otherwise what the patch states, or quiescent.
  std::optional<change_level> level;
  std::int64_t timeout_ms = 10'000;
  bool dry_run = false;
  std::function<void(const std::string&)> tell;  // steps, for people
};

struct apply_result {
  std::string name;
  std::size_t functions = 0;
  std::int64_t stood_ns = 0;
  bool changed = true;     // false: it was so already
  bool by_itself = false;  // not from outside: it did not have to stand still
  std::string unended;     // what the patch has not come to an end with
  std::vector<std::string> report;  // of a dry run, what would be done
};

class live_patching {
 public:
  // Throws trouble if the process cannot be patched from outside.
  live_patching(pid_t process, const apply_settings& settings);

  // Throw trouble with all reasons, a line each, process_busy.
  apply_result apply(const std::string& file);
  apply_result revert(const std::string& name);

 private:
  struct present_patch;

  present_patch find_present(patch_object& file) const;
  void load_and_switch(patch_object& file, const checked_patch& checked,
                       const present_patch& present, apply_result& result);
  void take_away(const loaded_patch& patch, apply_result& result);
  change_level level_for(const patch_object& patch) const;
  void plan(switch_plan& what, change_level level);
  void stop_and_switch(switch_plan& what, apply_result& result);
  template <typename Prepare>
  void prepare_and_switch(switch_plan& what, switch_hooks& hooks,
                          apply_result& result, Prepare prepare);
  void take_back(switch_hooks& hooks);
  void end_hooks(switch_hooks& hooks, apply_result& result);
  void store_imports(patch_object& file, std::uint64_t bias,
                     const checked_patch& checked);
  void unload_if_possible(std::uint64_t bias);
  deadline until_end() const;
  const target_code& code();
  template <typename Action>
  void borrow(deadline until, Action action);
  void try_to_borrow();
  void tell(const std::string& text) const;

  const pid_t process_;
  const apply_settings settings_;
  const deadline until_;
  ticking ticks_;
  target_memory memory_;
  loaded_patches patches_;
  std::optional<target_code> code_;
  bool code_is_in_use_ = false;  // by a thread that has not come back
};

}  // namespace hotpatch::outside

#endif
