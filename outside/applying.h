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
#include <string>
#include <vector>

#include "outside/inside_search.h"
#include "outside/patch_object.h"
#include "outside/site_switch.h"
#include "outside/target_code.h"
#include "outside/target_images.h"
#include "outside/target_memory.h"
#include "outside/target_program.h"
#include "outside/waiting.h"
#include "runtime/base/deadline.h"
#include "runtime/objects/patch_check.h"

namespace hotpatch::outside {

// A thread is inside a function that is to change, until the end.
class process_busy : public trouble {
 public:
  using trouble::trouble;
};

struct apply_settings {
  bool quiescent = true;  // otherwise immediate: nobody looks at stacks
  std::int64_t timeout_ms = 10'000;
  bool dry_run = false;
  std::function<void(const std::string&)> tell;  // steps, for people
};

struct apply_result {
  std::string name;
  std::size_t functions = 0;
  std::int64_t stood_ns = 0;
  bool changed = true;  // false: it was so already
};

class live_patching {
 public:
  // Throws trouble if the process cannot be patched from outside.
  live_patching(pid_t process, const apply_settings& settings);

  apply_result apply(const std::string& file);
  apply_result revert(const std::string& name);

 private:
  // A patch object that the process has, and the sites that it concerns.
  struct loaded {
    std::unique_ptr<patch_object> object;
    format::patch_state state;
    std::vector<site> sites;  // as its replacements; word 0: there is none

    bool is_applied() const
    {
      return state.phase ==
             static_cast<std::uint32_t>(format::patch_phase::applied);
    }
    // By the library in the process, which must not be circumvented.
    bool is_programs_own() const
    {
      return state.phase != 0 && state.agent == 0;
    }
  };

  struct undertaking {
    loaded* patch = nullptr;
    loaded* older = nullptr;  // of the same name, to be given up
    bool apply = true;
    std::uint64_t sequence = 0;
    std::vector<site_change> changes;
    std::vector<occupied_code> code;
  };

  void look();
  void find_sites(loaded& patch);
  checked_patch check(patch_object& file);
  loaded* find_loaded(const std::string& name);
  loaded* find_bias(std::uint64_t bias);
  loaded* prepare_name(patch_object& file, apply_result& result);
  void check_needs(const patch_object& patch);
  std::uint64_t newest_sequence() const;
  std::uint64_t target_of(const site& where, const undertaking& what) const;
  void add_changes(const loaded& patch, undertaking& into) const;
  void plan(undertaking& what);
  void check_active(const site_change& change) const;
  void add_code(const site_change& change, undertaking& into) const;
  void run_hook(class borrowed_thread& thread, const loaded& patch,
                format::hook_time when);
  bool has_hook(const patch_object& patch, format::hook_time when) const;
  void give_cells(class borrowed_thread& thread, undertaking& what);
  void store_imports(patch_object& file, std::uint64_t bias,
                     const checked_patch& checked);
  void load_and_switch(patch_object& file, const checked_patch& checked,
                       loaded* present, apply_result& result);
  void switch_sites(undertaking& what, apply_result& result);
  void unload(std::uint64_t bias);
  template <typename Action>
  void borrow(Action action);
  void tell(const std::string& text) const;

  const pid_t process_;
  const apply_settings settings_;
  const deadline until_;
  ticking ticks_;
  target_memory memory_;
  std::unique_ptr<target_images> images_;
  std::unique_ptr<target_program> program_;
  std::vector<loaded> loaded_;
};

}  // namespace hotpatch::outside

#endif
