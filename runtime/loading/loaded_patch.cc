// Following a patch object from phase to phase.
// SPDX-License-Identifier: MIT
#include "runtime/loading/loaded_patch.h"

#include <cstdlib>
#include <cstring>
#include <new>

namespace hotpatch {

namespace {

// Of the patch object that was applied last.
constinit std::atomic<std::uint64_t> last_sequence{0};

// Never destroyed, as the library is not.
union immortal {
  constexpr immortal() noexcept : list() {}
  ~immortal() {}
  loaded_patches list;
};
constinit immortal all_loaded;

std::size_t number_of(format::hook_time when)
{
  return static_cast<std::size_t>(when) - 1;
}

}  // namespace

loaded_patch* loaded_patch::make(patch_file& file,
                                 const loaded_object& object) noexcept
{
  void* memory = std::malloc(sizeof(loaded_patch));
  if (memory == nullptr)
    return nullptr;
  static constinit std::atomic<std::uint64_t> last_id{0};
  auto* patch = new (memory) loaded_patch;
  patch->id_ = last_id.fetch_add(1) + 1;
  if (!assign_text(patch->name_, file.name()) ||
      !assign_text(patch->path_, file.label())) {
    destroy(patch);
    return nullptr;
  }
  patch->state_ =
      reinterpret_cast<format::patch_state*>(object.base + file.state());
  for (const patch_hook& each : file.contents().hooks)
    patch->hooks_[number_of(each.when)] = object.base + each.code;
  patch->build_ = file.elf().id();
  patch->object_ = object;
  return patch;
}

bool loaded_patch::is_unused_copy_of(patch_file& file) const noexcept
{
  const build_id id = file.elf().id();
  return id.present() && id == build_ &&
         state_->phase ==
             static_cast<std::uint32_t>(format::patch_phase::loaded);
}

const char* loaded_patch::destroy(loaded_patch* patch) noexcept
{
  loaded_object object = patch->object_;
  patch->~loaded_patch();
  std::free(patch);
  return object.give_back();
}

void loaded_patch::attach(hp_patch_info& info) noexcept
{
  info.before_apply = before_apply;
  info.after_apply = after_apply;
  info.before_revert = before_revert;
  info.after_revert = after_revert;
  info.data = this;
}

loaded_patch& loaded_patch::of(const hp_patch_info* info) noexcept
{
  return *static_cast<loaded_patch*>(info->data);
}

// Who looks from outside reads the phase while this process stands still or is
// dead: a store in program order is enough.
void loaded_patch::enter(format::patch_phase phase) noexcept
{
  state_->agent = 0;
  __atomic_store_n(&state_->phase, static_cast<std::uint32_t>(phase),
                   __ATOMIC_RELEASE);
}

const char* loaded_patch::call_before(format::hook_time when) const noexcept
{
  const std::uint64_t hook = hooks_[number_of(when)];
  return hook != 0 ? reinterpret_cast<object_before>(hook)() : nullptr;
}

void loaded_patch::call_after(format::hook_time when) const noexcept
{
  const std::uint64_t hook = hooks_[number_of(when)];
  if (hook != 0)
    reinterpret_cast<object_after>(hook)();
}

const char* loaded_patch::before_apply(const hp_patch_info* info) noexcept
{
  loaded_patch& self = of(info);
  const char* reason = self.call_before(format::hook_time::before_apply);
  if (reason == nullptr) {
    self.state_->sequence = last_sequence.load() + 1;
    self.enter(format::patch_phase::applying);
  }
  return reason;
}

void loaded_patch::after_apply(const hp_patch_info* info) noexcept
{
  loaded_patch& self = of(info);
  if (!self.applied_)
    last_sequence = self.state_->sequence;
  self.applied_ = true;
  self.was_applied_ = true;
  self.enter(format::patch_phase::applied);
  self.call_after(format::hook_time::after_apply);
}

const char* loaded_patch::before_revert(const hp_patch_info* info) noexcept
{
  loaded_patch& self = of(info);
  const char* reason = self.call_before(format::hook_time::before_revert);
  if (reason == nullptr)
    self.enter(format::patch_phase::reverting);
  return reason;
}

void loaded_patch::after_revert(const hp_patch_info* info) noexcept
{
  loaded_patch& self = of(info);
  self.enter(format::patch_phase::loaded);
  self.call_after(format::hook_time::after_revert);
  // The last that is done with it: hp_unload() may now free it.
  self.applied_ = false;
}

loaded_patches& loaded_patches::of(library&) noexcept
{
  return all_loaded.list;
}

loaded_patch* loaded_patches::find(const char* name, const char* path) noexcept
{
  loaded_patch* found = nullptr;
  for (loaded_patch* each : patches_)
    if (each->was_applied() &&
        (std::strcmp(each->name(), name) == 0 ||
         std::strcmp(each->path(), path) == 0) &&
        (found == nullptr || (each->applied() && !found->applied())))
      found = each;
  return found;
}

loaded_patch* loaded_patches::take(std::uint64_t id) noexcept
{
  for (std::size_t i = 0; i < patches_.size(); ++i)
    if (loaded_patch* const each = patches_[i];
        each->id() == id && !each->applied()) {
      patches_.remove(i);
      return each;
    }
  return nullptr;
}

loaded_patch* loaded_patches::take_kept(patch_file& file) noexcept
{
  for (std::size_t i = 0; i < kept_.size(); ++i)
    if (loaded_patch* const each = kept_[i]; each->is_unused_copy_of(file)) {
      kept_.remove(i);
      return each;
    }
  return nullptr;
}

loaded_patch* loaded_patches::take_former(const char* name) noexcept
{
  for (std::size_t i = patches_.size(); i-- > 0;) {
    loaded_patch* const each = patches_[i];
    if (each->was_applied() && !each->applied() &&
        std::strcmp(each->name(), name) == 0) {
      patches_.remove(i);
      return each;
    }
  }
  return nullptr;
}

}  // namespace hotpatch
