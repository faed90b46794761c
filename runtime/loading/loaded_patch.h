// A patch object that is loaded in this process, and the hooks by which the
// library learns what becomes of it.
//
// Owns the object's state (format::patch_state): the phase is written before
// the first patch word changes and after the last one.  The list is used under
// the library's lock; hooks are called without it, by one thread at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_LOADED_PATCH_H
#define HOTPATCH_RUNTIME_LOADED_PATCH_H

#include <atomic>
#include <cstdint>

#include "runtime/base/array.h"
#include "runtime/include/hotpatch.h"
#include "runtime/library/library.h"
#include "runtime/loading/opened_object.h"
#include "runtime/objects/patch_file.h"

namespace hotpatch {

class loaded_patch {
 public:
  // Takes the object over if it succeeds.  Null: no memory.
  [[nodiscard]] static loaded_patch* make(patch_file& file,
                                          const loaded_object& object) noexcept;
  // Gives the object back, so without the library's lock.  Null, or why it
  // stays loaded.
  static const char* destroy(loaded_patch* patch) noexcept;

  // Of this one alone: memory that was freed may be that of another one later.
  [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
  [[nodiscard]] const char* name() const noexcept { return name_.data(); }
  [[nodiscard]] const char* path() const noexcept { return path_.data(); }
  [[nodiscard]] bool applied() const noexcept { return applied_; }
  // Its code must not be freed, even if no thread is inside.
  [[nodiscard]] bool stays() const noexcept { return object_.stays; }
  // And does not begin to be by hp_load().
  [[nodiscard]] bool was_applied() const noexcept { return was_applied_; }
  // Whether it is that build, and nothing uses it: the library, or a tool from
  // outside.
  [[nodiscard]] bool is_unused_copy_of(patch_file& file) const noexcept;
  [[nodiscard]] std::uint64_t base() const noexcept { return object_.base; }

  // Of its application among those of patch objects.
  [[nodiscard]] std::uint64_t sequence() const noexcept
  {
    return state_->sequence;
  }
  // Somewhere in the object, but not in its code: a thread that keeps an
  // address of that counts as being inside.
  [[nodiscard]] const void* place() const noexcept { return state_; }

  // Makes the library's own hooks those of the patch; they call the object's.
  void attach(hp_patch_info& info) noexcept;

 private:
  using object_before = const char* (*)();
  using object_after = void (*)();

  static loaded_patch& of(const hp_patch_info* info) noexcept;
  static const char* before_apply(const hp_patch_info* info) noexcept;
  static void after_apply(const hp_patch_info* info) noexcept;
  static const char* before_revert(const hp_patch_info* info) noexcept;
  static void after_revert(const hp_patch_info* info) noexcept;
  void enter(format::patch_phase phase) noexcept;
  // The object's own hooks.  Null: it consents, or has none.
  const char* call_before(format::hook_time when) const noexcept;
  void call_after(format::hook_time when) const noexcept;

  std::uint64_t id_ = 0;
  array<char> name_;
  array<char> path_;
  build_id build_;
  loaded_object object_;
  format::patch_state* state_ = nullptr;
  std::uint64_t hooks_[4] = {};  // by hook_time, 0: none
  std::atomic<bool> applied_{false};
  std::atomic<bool> was_applied_{false};
};

// Those that are loaded, the oldest first.
class loaded_patches {
 public:
  constexpr loaded_patches() noexcept = default;

  // The one list, for who holds the library's lock.
  [[nodiscard]] static loaded_patches& of(library& held) noexcept;

  [[nodiscard]] bool add(loaded_patch* patch) noexcept
  {
    return patches_.append(patch);
  }
  // Of that name or path, the one that is applied or else the oldest that was;
  // null: none.
  [[nodiscard]] loaded_patch* find(const char* name, const char* path) noexcept;
  // Takes it out of the list; null: it is not there, or is applied.
  [[nodiscard]] loaded_patch* take(std::uint64_t id) noexcept;
  // Takes the newest of that name out that was applied and is not any more;
  // null: none.
  [[nodiscard]] loaded_patch* take_former(const char* name) noexcept;

  // What stays for ever is kept for when the same build is loaded again: its
  // constructors have run.  False: no memory.
  [[nodiscard]] bool keep(loaded_patch* patch) noexcept
  {
    return kept_.append(patch);
  }
  [[nodiscard]] loaded_patch* take_kept(patch_file& file) noexcept;

 private:
  array<loaded_patch*> patches_;
  array<loaded_patch*> kept_;
};

}  // namespace hotpatch

#endif
