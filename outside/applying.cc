// The order in which a process is patched from outside.
//
// SPDX-License-Identifier: MIT
#include "outside/applying.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "outside/borrow_place.h"
#include "outside/borrowed_thread.h"
#include "outside/cell_supply.h"
#include "outside/loader_list.h"
#include "outside/object_loading.h"
#include "outside/rehearsal.h"
#include "outside/stopped_process.h"
#include "outside/switch_hooks.h"
#include "processes/access.h"
#include "processes/threads.h"
#include "runtime/base/status.h"
#include "runtime/include/hotpatch.h"
#include "runtime/objects/import_stores.h"

namespace hotpatch::outside {

namespace {

using format::patch_phase;

constexpr std::int64_t millisecond = 1'000'000;

std::string version_text(const patch_object& patch)
{
  return patch.name + ", version " + std::to_string(patch.contents().version);
}

bool same_build(patch_object& a, patch_object& b)
{
  const build_id id = a.file.elf().id();
  return id.present() && id == b.file.elf().id();
}

// With every thread standing while sites change, nobody can meet a mixture:
// from outside, immediate keeps what strict promises, too.
change_level stated_level(const patch_object& patch)
{
  const std::uint32_t stated = patch.contents().level;
  if (stated == HP_SAFEPOINT + 1)
    throw trouble(patch.name +
                  " is to be applied at safe points, of which only the program "
                  "itself knows (hp_load); --level=quiescent does without");
  return stated == 0 || stated == HP_QUIESCENT + 1 ? change_level::quiescent
                                                   : change_level::immediate;
}

}  // namespace

// What the process has of that name already.
struct live_patching::present_patch {
  const loaded_patch* same = nullptr;   // the same build
  const loaded_patch* other = nullptr;  // another one

  bool is_applied() const { return same != nullptr && same->is_applied(); }
};

trouble no_patch(pid_t process, const std::string& name)
{
  return trouble(process_text(process) + " has no patch named \"" + name +
                 "\"; hp-status shows those that it has");
}

live_patching::live_patching(pid_t process, const apply_settings& settings)
    : process_(process),
      settings_(settings),
      until_(deadline::in_milliseconds(settings.timeout_ms)),
      memory_((check_process(process), process)),
      patches_(process, memory_)
{
  refuse_shadow_stack(process);
}

void live_patching::tell(const std::string& text) const
{
  if (settings_.tell)
    settings_.tell(process_text(process_) + ": " + text);
}

// For what has to be ended because it was begun, although the time is over.
deadline live_patching::until_end() const
{
  constexpr std::int64_t grace_ms = 1000;
  return until_.or_later(deadline::in_milliseconds(grace_ms));
}

// Searching the C library for it takes longer than looking at the images.
const target_code& live_patching::code()
{
  if (code_)
    find_libraries(patches_.images(), *code_);
  else
    code_ = find_target_code(patches_.images());
  return *code_;
}

template <typename Action>
void live_patching::borrow(deadline until, Action action)
{
  const target_code& known = code();
  borrow_place place(patches_.images(), known, memory_);
  tracee lender = place.find(until);
  tell(thread_text(process_, lender.id()) + " is borrowed");
  borrowed_thread thread(lender, memory_, known.borrowed, until);
  try {
    action(thread, known);
  } catch (const unfinished_call&) {
    code_is_in_use_ = true;
    throw;
  }
}

void live_patching::try_to_borrow()
{
  const tracee lender =
      borrow_place(patches_.images(), code(), memory_).find(until_);
  tell(thread_text(process_, lender.id()) + " could be borrowed");
}

change_level live_patching::level_for(const patch_object& patch) const
{
  return settings_.level ? *settings_.level : stated_level(patch);
}

void live_patching::plan(switch_plan& what, change_level level)
{
  make_plan(patches_, memory_, what);
  if (level == change_level::immediate)
    what.code.clear();
}

void live_patching::store_imports(patch_object& file, std::uint64_t bias,
                                  const checked_patch& checked)
{
  const slot_reader slots = {
      [](std::uint64_t address, std::uint64_t& value, void* data) {
        return static_cast<target_memory*>(data)->read_some(
                   address, {reinterpret_cast<std::uint8_t*>(&value),
                             sizeof value}) == sizeof value;
      },
      &memory_};
  array<import_store> stores;
  if (plan_import_stores(file.file.elf(), bias,
                         {checked.imports.data(), checked.imports.size()},
                         slots, stores) != HP_OK)
    throw trouble(last_message());
  for (const import_store& each : stores)
    memory_.store(each.address, each.value);
}

void live_patching::stop_and_switch(switch_plan& what, apply_result& result)
{
  site_switch sites(memory_);
  sites.prepare(what.changes);
  const patch_phase during =
      what.apply ? patch_phase::applying : patch_phase::reverting;
  const patch_phase after =
      what.apply ? patch_phase::applied : patch_phase::loaded;
  std::int64_t pause = millisecond / 10;
  for (;;) {
    // Not in the middle of it: who is inside is the better answer.
    stopped_process all(process_, until_end());
    const std::string inside = find_inside(all, what.code);
    if (inside.empty()) {
      store_phase(memory_, *what.patch->object, during, what.sequence);
      sites.commit(what.changes);
      store_phase(memory_, *what.patch->object, after, what.sequence);
      if (what.older != nullptr)
        store_phase(memory_, *what.older->object, patch_phase::loaded, 0);
      result.stood_ns = all.release();
      return;
    }
    const std::int64_t stood = all.release();
    tell(inside);
    if (until_.passed())
      throw process_busy(process_text(process_) + ": " + inside);
    // The program runs at least nine tenths of the time.
    pause = std::max(pause, 9 * stood);
    std::this_thread::sleep_for(
        std::chrono::nanoseconds(std::min(pause, until_.left())));
    pause = std::min(2 * pause, 50 * millisecond);
  }
}

void live_patching::take_back(switch_hooks& hooks)
{
  if (!hooks.any_to_take_back())
    return;
  try {
    borrow(until_end(), [&](borrowed_thread& thread, const target_code&) {
      hooks.take_back(thread);
    });
  } catch (const trouble& reason) {
    tell(
        std::string("what consented cannot be told that nothing came of it: ") +
        reason.what());
  }
}

void live_patching::end_hooks(switch_hooks& hooks, apply_result& result)
{
  if (!hooks.any_after())
    return;
  try {
    borrow(until_end(), [&](borrowed_thread& thread, const target_code&) {
      hooks.after(thread);
    });
  } catch (const trouble& reason) {
    result.unended = reason.what();
  }
}

template <typename Prepare>
void live_patching::prepare_and_switch(switch_plan& what, switch_hooks& hooks,
                                       apply_result& result, Prepare prepare)
{
  try {
    prepare();
    stop_and_switch(what, result);
  } catch (const unfinished_call& late) {
    take_back(hooks);
    throw process_busy(process_text(process_) + ": " + late.what() +
                       "; no function was changed");
  } catch (const trouble&) {
    take_back(hooks);
    throw;
  }
  end_hooks(hooks, result);
}

void live_patching::unload_if_possible(std::uint64_t bias)
{
  try {
    if (code_is_in_use_)
      throw trouble("a thread is in it that has not come back");
    borrow(until_end(), [&](borrowed_thread& thread, const target_code& code) {
      const std::uint64_t handle = find_handle(*code.loader, memory_, bias);
      if (handle != 0)
        unload_object(thread, memory_, code, handle);
    });
  } catch (const trouble& reason) {
    tell(std::string("the code that is not used stays loaded: ") +
         reason.what());
  }
}

live_patching::present_patch live_patching::find_present(
    patch_object& file) const
{
  const loaded_patch* found = patches_.find_name(file.name);
  if (found == nullptr)
    return {};
  const bool same = same_build(*found->object, file);
  if (!found->is_applied())
    tell(version_text(*found->object) +
         " was left behind half done by an hp-apply that was interrupted");
  else if (const std::uint32_t version = found->object->contents().version;
           !same && version > file.contents().version)
    throw trouble(version_text(*found->object) +
                  ", is applied, which is newer than " + version_text(file));
  else if (!same && version == file.contents().version)
    throw trouble(
        version_text(file) +
        ", is applied already, from another file; revert it first, or give "
        "the new one a higher version");
  return same ? present_patch{found, nullptr} : present_patch{nullptr, found};
}

apply_result live_patching::apply(const std::string& path)
{
  const auto file = open_patch_object(path);
  apply_result result;
  result.name = file->name;
  result.functions = file->contents().replacements.size();
  present_patch present;
  checked_patch checked;
  all_reasons wrong;
  wrong.attempt([&] { present = find_present(*file); });
  result.changed = !present.is_applied();
  if (!result.changed)
    return result;
  wrong.attempt([&] { patches_.check_needs(*file); });
  wrong.attempt([&] {
    checked = patches_.check(*file);
    check_sites(patches_, memory_, checked);
  });
  wrong.attempt([&] {
    (void)code();
    (void)path_in_process(patches_.images(), file->path);
    if (settings_.dry_run)
      try_to_borrow();
  });
  wrong.attempt([&] { (void)level_for(*file); });
  wrong.throw_any();
  tell(version_text(*file) + ": all checks passed");
  if (settings_.dry_run) {
    result.report = describe(checked);
    return result;
  }
  if (present.other != nullptr && !present.other->is_applied()) {
    apply_result undone;
    take_away(*present.other, undone);
    present = {};
  }
  load_and_switch(*file, checked, present, result);
  return result;
}

void live_patching::load_and_switch(patch_object& file,
                                    const checked_patch& checked,
                                    const present_patch& present,
                                    apply_result& result)
{
  const std::string path = path_in_process(patches_.images(), file.path);
  const change_level level = level_for(file);
  const bool finish = present.same != nullptr;
  const std::uint64_t older_bias =
      present.other != nullptr ? present.other->object->bias : 0;
  std::uint64_t bias = finish ? present.same->object->bias : 0;
  switch_plan what;
  switch_hooks hooks(memory_);
  const auto load = [&](borrowed_thread& thread, const target_code& code) {
    if (bias == 0)
      bias = bias_of_handle(memory_, load_object(thread, memory_, code, path));
    store_imports(file, bias, checked);
    patches_.look();
    what.patch = patches_.find_bias(bias);
    what.older = older_bias != 0 ? patches_.find_bias(older_bias) : nullptr;
    if (what.patch == nullptr)
      throw trouble(file.name + " was loaded, but cannot be found again");
    what.sequence = patches_.newest_sequence() + 1;
    plan(what, level);
    supply_cells(thread, what.changes);
    hooks.concern(what);
    hooks.before(thread);
  };
  try {
    prepare_and_switch(what, hooks, result, [&] { borrow(until_, load); });
  } catch (const trouble&) {
    if (bias != 0 && !finish)
      unload_if_possible(bias);
    throw;
  }
  if (older_bias != 0 && level == change_level::quiescent)
    unload_if_possible(older_bias);
}

apply_result live_patching::revert(const std::string& name)
{
  const loaded_patch* patch = patches_.find_name(name);
  if (patch == nullptr)
    throw no_patch(process_, name);
  patches_.check_unneeded(name);
  apply_result result;
  result.name = name;
  result.functions = patch->object->contents().replacements.size();
  take_away(*patch, result);
  return result;
}

void live_patching::take_away(const loaded_patch& patch, apply_result& result)
{
  const patch_object& object = *patch.object;
  const change_level level = settings_.level.value_or(change_level::quiescent);
  switch_plan what;
  what.patch = &patch;
  what.apply = false;
  plan(what, level);
  if (settings_.dry_run) {
    try_to_borrow();
    return;
  }
  const std::uint64_t bias = object.bias;
  switch_hooks hooks(memory_);
  hooks.concern(what);
  prepare_and_switch(what, hooks, result, [&] {
    if (hooks.any_before() || site_switch::needs_cells(what.changes))
      borrow(until_, [&](borrowed_thread& thread, const target_code&) {
        supply_cells(thread, what.changes);
        hooks.before(thread);
      });
  });
  if (level == change_level::quiescent)
    unload_if_possible(bias);
  patches_.look();
}

}  // namespace hotpatch::outside
