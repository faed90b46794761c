// The hooks of the patch objects that a switch applies and gives up, called in
// the process by a borrowed thread.
//
// Owns the invariant of the library's patch_hooks.h, from outside: every hook
// that consented before the switch is followed by one that ends what it began:
// after it, or, if it fails, by take_back().  What is given up comes first.
//
// From the thread that traces.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_SWITCH_HOOKS_H
#define HOTPATCH_OUTSIDE_SWITCH_HOOKS_H

#include <cstddef>
#include <string>
#include <vector>

#include "outside/borrowed_thread.h"
#include "outside/switch_plan.h"
#include "outside/target_memory.h"

namespace hotpatch::outside {

class switch_hooks {
 public:
  explicit switch_hooks(const target_memory& memory) : memory_(memory) {}

  // Of the patches of a plan, which may have hooks only where it is applied.
  void concern(const switch_plan& plan);

  // Is a thread needed for them?
  bool any_before() const;
  bool any_after() const;
  bool any_to_take_back() const;

  // Throws trouble with its words if one does not want it, and like the others
  // unfinished_call if one does not come back.
  void before(borrowed_thread& thread);
  void after(borrowed_thread& thread);
  void take_back(borrowed_thread& thread);

 private:
  struct party {
    const patch_object* patch;
    bool comes;
  };

  // Of the first so many parties; `when` is told whether one comes.
  bool any_among(std::size_t first, format::hook_time (*when)(bool)) const;
  std::uint64_t call(borrowed_thread& thread, const patch_object& patch,
                     format::hook_time when) const;

  const target_memory& memory_;
  std::vector<party> parties_;
  std::size_t consented_ = 0;  // of the parties, the first ones
};

}  // namespace hotpatch::outside

#endif
