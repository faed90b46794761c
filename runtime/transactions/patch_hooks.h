// The hooks of named patches, and whose turn it is to change patches.
//
// Their order is that of hook_sequence.
//
// Hooks run in the thread that commits, without any lock of the library but the
// turn: while one transaction has it, no other one changes named patches.  It
// is taken after the loader's lock on loading, since a constructor may commit a
// transaction, and before the library's; never by a hook.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_PATCH_HOOKS_H
#define HOTPATCH_RUNTIME_PATCH_HOOKS_H

#include <cstddef>
#include <cstdint>

#include "runtime/include/hotpatch.h"
#include "runtime/model/hook_sequence.h"
#include "runtime/patches/named_patch.h"

namespace hotpatch {

// Given back at the end of the scope.
class patch_turn {
 public:
  patch_turn() noexcept = default;
  patch_turn(const patch_turn&) = delete;
  patch_turn& operator=(const patch_turn&) = delete;
  ~patch_turn();

  // Waits for it, at most that long; 0: until it comes.  HP_BUSY: this thread
  // has it, so a hook is asking; or another one, named in the message, has not
  // given it back in time, perhaps because its hook waits for this thread.
  [[nodiscard]] hp_status take(std::uint32_t timeout_ms) noexcept;

 private:
  int process_ = 0;  // that took it, 0: none
  int cancel_state_ = 0;
};

// One transaction's hooks.  Used by the thread that has the turn.
class patch_hooks {
 public:
  patch_list gone;  // in the order in which their hooks are called
  patch_list come;

  bool any() const noexcept;

  // HP_VETOED, with the reason in the message; no hook waits for the end then.
  [[nodiscard]] hp_status before() noexcept;

  // The commit succeeded.
  void after() noexcept;

  // The commit failed with `status`, which is returned with its words.
  [[nodiscard]] hp_status abandon(hp_status status) noexcept;

 private:
  const named_patch* operator[](std::size_t number) const noexcept
  {
    return number < gone.size() ? gone[number] : come[number - gone.size()];
  }
  void take_back() noexcept;

  hook_sequence sequence_;
};

}  // namespace hotpatch

#endif
