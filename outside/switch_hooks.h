// The hooks of the patch objects that a switch applies and gives up, called in
// the process by a borrowed thread.
//
// Their order, and what a refusal takes back, is that of hook_sequence.
//
// From the thread that traces.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_SWITCH_HOOKS_H
#define HOTPATCH_OUTSIDE_SWITCH_HOOKS_H

#include <cstddef>
#include <string>
#include <vector>

#include "outside/remote_call.h"
#include "outside/switch_plan.h"
#include "outside/target_memory.h"
#include "runtime/model/hook_sequence.h"

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

  // Throws tool_error with its message if one does not want it, and like the
  // others unfinished_call if one does not come back.
  void before(borrowed_thread& thread);
  void after(borrowed_thread& thread);
  void take_back(borrowed_thread& thread);

 private:
  bool has(std::size_t party, format::hook_time when) const;
  std::uint64_t call(borrowed_thread& thread, const patch_object& patch,
                     format::hook_time when) const;

  const target_memory& memory_;
  std::vector<const patch_object*> parties_;
  hook_sequence sequence_;
};

}  // namespace hotpatch::outside

#endif
