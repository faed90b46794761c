// The order in which a process is patched from outside.
//
// SPDX-License-Identifier: MIT
#include "outside/applying.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include <sys/mman.h>
#include <sys/syscall.h>

#include "outside/borrow_place.h"
#include "outside/borrowed_thread.h"
#include "outside/cell_page.h"
#include "outside/loader_list.h"
#include "outside/object_loading.h"
#include "outside/stopped_process.h"
#include "runtime/objects/import_stores.h"
#include "runtime/base/status.h"
#include "processes/access.h"
#include "processes/threads.h"

namespace hotpatch::outside {

namespace {

using format::hook_time;
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

// Thread features of the CPU that a thread uses, Documentation/arch/x86/
// shstk.rst: a borrowed thread would have to keep its shadow stack, too.
void refuse_shadow_stack(pid_t process)
{
  const std::string features = status_field(
      thread_file(process, process, "status"), "x86_Thread_features");
  if (features.find("shstk") != std::string::npos)
    throw trouble("process " + std::to_string(process) +
                  " uses shadow stacks, which cannot be kept in order "
                  "from outside; link it with libhotpatch");
}

}  // namespace

live_patching::live_patching(pid_t process, const apply_settings& settings)
    : process_(process),
      settings_(settings),
      until_(deadline::in_milliseconds(settings.timeout_ms)),
      memory_((check_process(process), process))
{
  refuse_shadow_stack(process);
  look();
}

void live_patching::tell(const std::string& text) const
{
  if (settings_.tell)
    settings_.tell("process " + std::to_string(process_) + ": " + text);
}

// A function whose image was unloaded meanwhile has no site any more.
void live_patching::find_sites(loaded& patch)
{
  checked_patch found;
  check_report report;
  (void)check_patch(patch.object->file, program_->images(), found, report);
  const auto& replacements = patch.object->contents().replacements;
  patch.sites.assign(replacements.size(), {});
  for (const patch_target& each : found.targets)
    patch.sites[static_cast<std::size_t>(each.replacement -
                                         replacements.begin())] = each.where;
}

// All that is wrong, a line each.
checked_patch live_patching::check(patch_object& file)
{
  std::string wrong;
  const auto collect = [](hp_status, const char* message, void* data) {
    auto& text = *static_cast<std::string*>(data);
    text += text.empty() ? "" : "\n";
    text += message;
  };
  checked_patch result;
  check_report report(collect, &wrong);
  const hp_status status =
      check_patch(file.file, program_->images(), result, report);
  if (!wrong.empty() || status != HP_OK)
    throw trouble(wrong.empty() ? last_message() : wrong);
  return result;
}

void live_patching::look()
{
  loaded_.clear();
  images_ = std::make_unique<target_images>(process_);
  program_ = std::make_unique<target_program>(*images_);
  for (auto& object : loaded_patch_objects(*images_)) {
    loaded found = {std::move(object), {}, {}};
    found.state = load_state(memory_, *found.object);
    find_sites(found);
    loaded_.push_back(std::move(found));
  }
}

live_patching::loaded* live_patching::find_loaded(const std::string& name)
{
  loaded* best = nullptr;
  for (loaded& each : loaded_)
    if (each.object->name == name &&
        (best == nullptr || each.state.sequence > best->state.sequence))
      best = &each;
  return best;
}

live_patching::loaded* live_patching::find_bias(std::uint64_t bias)
{
  for (loaded& each : loaded_)
    if (each.object->bias == bias)
      return &each;
  return nullptr;
}

std::uint64_t live_patching::newest_sequence() const
{
  std::uint64_t newest = 0;
  for (const loaded& each : loaded_)
    newest = std::max(newest, each.state.sequence);
  return newest;
}

template <typename Action>
void live_patching::borrow(Action action)
{
  const target_code code = find_target_code(*images_);
  borrow_place place(*images_, code, memory_);
  tracee lender = place.find(until_);
  tell("thread " + thread_text(process_, lender.id()) + " is borrowed");
  borrowed_thread thread(lender, memory_, code.borrowed, until_);
  action(thread, code);
}

// --- What is to change
// --------------------------------------------------------

// The newest of the patches that will be applied then; 0: the original.
std::uint64_t live_patching::target_of(const site& where,
                                       const undertaking& what) const
{
  std::uint64_t newest = 0;
  std::uint64_t target = 0;
  for (const loaded& each : loaded_) {
    const bool mine = &each == what.patch;
    if (&each == what.older || (mine ? !what.apply : !each.is_applied()))
      continue;
    const std::uint64_t sequence = mine ? what.sequence : each.state.sequence;
    for (std::size_t i = 0; i < each.sites.size(); ++i)
      if (each.sites[i].word == where.word && sequence >= newest) {
        newest = sequence;
        target =
            each.object->contents().replacements[i].code + each.object->bias;
      }
  }
  return target;
}

void live_patching::add_changes(const loaded& patch, undertaking& into) const
{
  for (std::size_t i = 0; i < patch.sites.size(); ++i) {
    const site& where = patch.sites[i];
    const auto same = [&](const site_change& other) {
      return other.where.word == where.word;
    };
    if (where.word == 0 ||
        std::any_of(into.changes.begin(), into.changes.end(), same))
      continue;
    site_change change;
    change.where = where;
    change.name = patch.object->contents().replacements[i].target;
    change.target = target_of(where, into);
    into.changes.push_back(std::move(change));
  }
}

// A site may only lead to its original or to what some patch object, also one
// that an interrupted hp-apply left, has for it.
void live_patching::check_active(const site_change& change) const
{
  for (const loaded& each : loaded_)
    for (const site& where : each.sites)
      if (where.word == change.where.word && each.is_programs_own())
        throw trouble(change.name + " is replaced by the patch " +
                      each.object->name +
                      ", which the program itself has loaded; it has "
                      "to unload it first");
  if (change.active == change.body())
    return;
  for (const loaded& each : loaded_)
    for (std::size_t i = 0; i < each.sites.size(); ++i)
      if (each.sites[i].word == change.where.word &&
          each.object->contents().replacements[i].code + each.object->bias ==
              change.active)
        return;
  throw trouble(change.name +
                " is replaced by the program itself, or by a tool that "
                "left no patch object; it has to revert it first");
}

// The code that nobody may be inside when the site changes.
void live_patching::add_code(const site_change& change, undertaking& into) const
{
  if (change.active == change.wanted())
    return;
  if (change.active == change.body()) {
    into.code.push_back({change.body(), change.where.end, change.name, false});
    return;
  }
  for (const loaded& each : loaded_)
    for (const patch_replacement& old : each.object->contents().replacements)
      if (old.code + each.object->bias == change.active)
        into.code.push_back({change.active, old.end + each.object->bias,
                             std::string(old.name) + " of " + each.object->name,
                             false});
}

void live_patching::plan(undertaking& what)
{
  add_changes(*what.patch, what);
  if (what.older != nullptr)
    add_changes(*what.older, what);
  std::sort(what.changes.begin(), what.changes.end(),
            [](const site_change& a, const site_change& b) {
              return a.where.word < b.where.word;
            });
  site_switch(memory_).look(what.changes);
  for (const site_change& each : what.changes) {
    check_active(each);
    add_code(each, what);
  }
  if (!what.apply)
    what.code.push_back({what.patch->object->begin(), what.patch->object->end(),
                         "the patch object " + what.patch->object->name, true});
  if (!settings_.quiescent)
    what.code.clear();
}

void live_patching::give_cells(borrowed_thread& thread, undertaking& what)
{
  if (!site_switch::needs_cells(what.changes))
    return;
  std::vector<site_change*> without;
  for (site_change& each : what.changes) {
    if (each.cell != 0)
      continue;
    if (!has_far_form(each.where))
      throw trouble(each.name +
                    " has no room for a far jump before it; it can only "
                    "be replaced alone, by code that is near");
    without.push_back(&each);
  }
  while (!without.empty()) {
    const std::size_t count =
        std::min<std::size_t>(without.size(), cell_page_size / 8);
    const std::span<site_change* const> some(without.data(), count);
    const std::uint64_t wanted = find_cell_page(read_maps(process_), some);
    const std::int64_t page = thread.system_call(
        SYS_mmap, {wanted, cell_page_size, PROT_READ,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
                   ~std::uint64_t{0}, 0});
    if (wanted == 0 || static_cast<std::uint64_t>(page) != wanted)
      throw trouble("process " + std::to_string(process_) +
                    " has no free memory near enough to " + some[0]->name);
    for (std::size_t i = 0; i < count; ++i)
      some[i]->cell = wanted + 8 * i;
    without.erase(without.begin(),
                  without.begin() + static_cast<std::ptrdiff_t>(count));
  }
}

// --- Doing it
// -----------------------------------------------------------------

bool live_patching::has_hook(const patch_object& patch, hook_time when) const
{
  return std::any_of(patch.contents().hooks.begin(),
                     patch.contents().hooks.end(),
                     [&](const patch_hook& hook) { return hook.when == when; });
}

void live_patching::run_hook(borrowed_thread& thread, const loaded& patch,
                             hook_time when)
{
  for (const patch_hook& hook : patch.object->contents().hooks) {
    if (hook.when != when)
      continue;
    tell(std::string("hook ") + hook.name);
    const std::uint64_t result =
        thread.call(hook.code + patch.object->bias, {});
    if (result != 0 &&
        (when == hook_time::before_apply || when == hook_time::before_revert))
      throw trouble(patch.object->name +
                    " does not want it: " + text_in_process(memory_, result));
  }
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

void live_patching::switch_sites(undertaking& what, apply_result& result)
{
  site_switch sites(memory_);
  sites.prepare(what.changes);
  const patch_phase during =
      what.apply ? patch_phase::applying : patch_phase::reverting;
  const patch_phase after =
      what.apply ? patch_phase::applied : patch_phase::loaded;
  std::int64_t pause = millisecond / 10;
  for (;;) {
    const auto maps = read_maps(process_);
    stopped_process all(process_, until_);
    const std::string inside = find_inside(all, maps, what.code);
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
      throw process_busy("process " + std::to_string(process_) + ": " + inside);
    // The program runs at least nine tenths of the time.
    pause = std::max(pause, 9 * stood);
    std::this_thread::sleep_for(
        std::chrono::nanoseconds(std::min(pause, until_.left())));
    pause = std::min(2 * pause, 50 * millisecond);
  }
}

void live_patching::unload(std::uint64_t bias)
{
  borrow([&](borrowed_thread& thread, const target_code& code) {
    const std::uint64_t handle = find_handle(*code.loader, memory_, bias);
    if (handle != 0)
      unload_object(thread, memory_, code, handle);
  });
}

void live_patching::check_needs(const patch_object& patch)
{
  for (const patch_need& need : patch.contents().needs) {
    const loaded* found = find_loaded(need.name);
    if (found == nullptr || !found->is_applied() ||
        found->object->contents().version < need.version)
      throw trouble(patch.name + " needs the patch " + need.name +
                    ", version " + std::to_string(need.version) +
                    " or newer, which is not applied");
  }
}

// Null: nothing of that name is there.
live_patching::loaded* live_patching::prepare_name(patch_object& file,
                                                   apply_result& result)
{
  loaded* present = find_loaded(file.name);
  if (present == nullptr)
    return nullptr;
  const bool same = same_build(*present->object, file);
  if (!present->is_applied()) {
    tell(version_text(*present->object) +
         " was left behind half done by an hp-apply that was interrupted");
    if (same)
      return present;
    revert(file.name);
    return nullptr;
  }
  const std::uint32_t version = present->object->contents().version;
  if (same)
    result.changed = false;
  else if (version > file.contents().version)
    throw trouble(version_text(*present->object) +
                  ", is applied, which is newer than " + version_text(file));
  else if (version == file.contents().version)
    throw trouble(
        version_text(file) +
        ", is applied already, from another file; revert it first, or give "
        "the new one a higher version");
  return present;
}

apply_result live_patching::apply(const std::string& path)
{
  const auto file = open_patch_object(path);
  apply_result result;
  result.name = file->name;
  result.functions = file->contents().replacements.size();
  loaded* present = prepare_name(*file, result);
  if (!result.changed)
    return result;
  check_needs(*file);
  const checked_patch checked = check(*file);
  tell(version_text(*file) + ": all checks passed");
  if (settings_.dry_run)
    return result;
  load_and_switch(*file, checked, present, result);
  return result;
}

void live_patching::load_and_switch(patch_object& file,
                                    const checked_patch& checked,
                                    loaded* present, apply_result& result)
{
  const std::string path = path_in_process(*images_, file.path);
  const bool finish = present != nullptr && !present->is_applied();
  const std::uint64_t older_bias =
      present != nullptr && !finish ? present->object->bias : 0;
  std::uint64_t bias = finish ? present->object->bias : 0;
  undertaking what;
  try {
    borrow([&](borrowed_thread& thread, const target_code& code) {
      if (bias == 0)
        bias =
            bias_of_handle(memory_, load_object(thread, memory_, code, path));
      store_imports(file, bias, checked);
      look();
      what.patch = find_bias(bias);
      what.older = older_bias != 0 ? find_bias(older_bias) : nullptr;
      if (what.patch == nullptr)
        throw trouble(file.name + " was loaded, but cannot be found again");
      what.sequence = newest_sequence() + 1;
      plan(what);
      give_cells(thread, what);
      run_hook(thread, *what.patch, hook_time::before_apply);
    });
    switch_sites(what, result);
  } catch (const trouble&) {
    if (bias != 0 && !finish)
      unload(bias);
    throw;
  }
  if (has_hook(*what.patch->object, hook_time::after_apply))
    borrow([&](borrowed_thread& thread, const target_code&) {
      run_hook(thread, *what.patch, hook_time::after_apply);
    });
}

apply_result live_patching::revert(const std::string& name)
{
  loaded* patch = find_loaded(name);
  if (patch == nullptr)
    throw trouble("process " + std::to_string(process_) +
                  " has no patch named \"" + name +
                  "\"; hp-status shows those that it has");
  for (const loaded& other : loaded_)
    for (const patch_need& need : other.object->contents().needs)
      if (other.is_applied() && name == need.name)
        throw trouble(other.object->name + " needs the patch " + name +
                      "; revert it first");
  apply_result result;
  result.name = name;
  result.functions = patch->object->contents().replacements.size();
  undertaking what;
  what.patch = patch;
  what.apply = false;
  plan(what);
  if (settings_.dry_run)
    return result;
  const std::uint64_t bias = patch->object->bias;
  const bool has_before =
      patch->is_applied() && has_hook(*patch->object, hook_time::before_revert);
  if (has_before || site_switch::needs_cells(what.changes))
    borrow([&](borrowed_thread& thread, const target_code&) {
      if (has_before)
        run_hook(thread, *patch, hook_time::before_revert);
      give_cells(thread, what);
    });
  switch_sites(what, result);
  if (has_hook(*patch->object, hook_time::after_revert))
    borrow([&](borrowed_thread& thread, const target_code&) {
      run_hook(thread, *patch, hook_time::after_revert);
    });
  if (settings_.quiescent)
    unload(bias);
  look();
  return result;
}

}  // namespace hotpatch::outside
