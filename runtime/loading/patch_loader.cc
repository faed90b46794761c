// From a file to an applied patch, and back.
// SPDX-License-Identifier: MIT
#include "runtime/loading/patch_loader.h"

#include <cstdio>
#include <cstring>

#include "runtime/base/countermeasure.h"
#include "runtime/base/status.h"
#include "runtime/base/text_pool.h"
#include "runtime/library/library.h"
#include "runtime/library/loaded_program.h"
#include "runtime/library/log.h"
#include "runtime/loading/image_release.h"
#include "runtime/loading/loaded_patch.h"
#include "runtime/loading/opened_object.h"
#include "runtime/model/patch_rules.h"
#include "runtime/objects/patch_check.h"
#include "runtime/patches/named_patch.h"
#include "runtime/transactions/transaction.h"

namespace hotpatch {

namespace {

// --- Checking ---------------------------------------------------------------

hp_status open_source(const patch_source& source, patch_file& patch)
{
  return source.descriptor < 0 ? patch.open(source.label)
                               : patch.open(source.label, source.descriptor);
}

// With the file's name before the words of the last failure.
hp_status of_file(const patch_file& patch, hp_status status)
{
  return status == HP_OK ? HP_OK : fail_because(status, "%s", patch.label());
}

hp_status check_need(const patch_file& patch, const patch_need& need,
                     const named_patch* there)
{
  return check_dependency(patch.name(), false,
                          {need.name, std::strlen(need.name), need.version},
                          there != nullptr ? &there->info.version : nullptr);
}

// Against the patches that are applied.
void check_others(const patch_file& patch, check_report& report)
{
  const hp_status held = library::locked([&](library& self) {
    if (const hp_status status = self.sites().refresh(); status != HP_OK)
      return status;
    const patch_list& named = self.all_patches().named();
    if (const named_patch* same = named.find(patch.name()))
      report.add(
          of_file(patch, check_version(patch.name(), patch.contents().version,
                                       {same->info.version,
                                        self.all_patches().in_effect(*same)})));
    for (const patch_need& need : patch.contents().needs)
      report.add(
          of_file(patch, check_need(patch, need, named.find(need.name))));
    return HP_OK;
  });
  report.add(held);
}

hp_status check_all(patch_file& patch, loaded_program& program,
                    checked_patch& checked, check_report& report)
{
  check_others(patch, report);
  if (const hp_status status = program.take(); status != HP_OK)
    return status;
  const hp_status status =
      check_patch(patch, program.images(), checked, report);
  for (const patch_replacement* each : checked.unprepared)
    report.add(
        of_file(patch, unprepared_functions::prepare({&each->target, 1})));
  return status == HP_OK ? report.result() : status;
}

// --- Loading ----------------------------------------------------------------

hp_status store_imports(patch_file& patch, std::uint64_t base,
                        const checked_patch& checked)
{
  const slot_reader here = {
      [](std::uint64_t address, std::uint64_t& value, void*) {
        std::memcpy(&value, reinterpret_cast<const void*>(address),
                    sizeof value);
        return true;
      },
      nullptr};
  array<import_store> stores;
  const hp_status status = plan_import_stores(
      patch.elf(), base, {checked.imports.data(), checked.imports.size()}, here,
      stores);
  return status == HP_OK
             ? store_data(patch.label(), {stores.data(), stores.size()})
             : status;
}

// --- Applying ---------------------------------------------------------------

hp_status no_memory(const patch_file& patch)
{
  return fail(HP_NO_MEMORY, "%s: out of memory", patch.label());
}

hp_commit_options choose(const load_options& wanted,
                         const patch_contents& patch)
{
  hp_commit_options options = wanted.commit;
  if (wanted.patch_chooses_level && patch.level != format::level::unstated)
    options.level = hp_level_of(patch.level);
  return options;
}

// As hp_patch_info wants them.
bool list_needs(const patch_file& patch, text_pool& texts,
                array<const char*>& depends)
{
  for (const patch_need& need : patch.contents().needs) {
    char text[512];
    if (need.version == 0)
      std::snprintf(text, sizeof text, "%.300s", need.name);
    else
      std::snprintf(text, sizeof text, "%.300s>=%u", need.name, need.version);
    const char* kept = texts.copy(text);
    if (kept == nullptr || !depends.append(kept))
      return false;
  }
  return depends.append(nullptr);
}

hp_status apply(const call_context& call, const patch_file& patch,
                std::uint64_t base, const checked_patch& checked,
                loaded_patch& loaded, const hp_commit_options& options)
{
  text_pool texts;
  array<const char*> depends;
  if (!list_needs(patch, texts, depends))
    return no_memory(patch);
  hp_patch_info info = {};
  info.name = patch.name();
  info.version = patch.contents().version;
  info.description = patch.contents().description;
  info.depends = depends.data();
  loaded.attach(info);
  if (const char* flaw = flaw_of(info))
    return fail(HP_INVALID, "%s: %s", patch.label(), flaw);

  owned_patches pending;
  named_patch* named = named_patch::make(info);
  if (named == nullptr || !pending.append(named)) {
    named_patch::destroy(named);
    return no_memory(patch);
  }
  array<operation> steps;
  operation first{operation::kind::add_patch};
  first.known.patch = named;
  if (!steps.append(first))
    return no_memory(patch);
  for (const patch_target& each : checked.targets)
    if (!steps.append({operation::kind::apply,
                       HP_ANY_PROTOTYPE | HP_ALLOW_COPIES,  // checked
                       each.replacement->target,
                       base + each.replacement->code,
                       nullptr,
                       {each.where.symbol}}))
      return no_memory(patch);
  for (const patch_replacement* each : checked.unprepared)
    if (!steps.append({operation::kind::apply,
                       HP_ANY_PROTOTYPE | HP_ALLOW_COPIES | HP_ALLOW_UNPREPARED,
                       each->target, base + each->code}))
      return no_memory(patch);
  return commit_transaction(call, {steps.data(), steps.size()}, options,
                            &pending);
}

// --- Freeing ----------------------------------------------------------------

// Null, or why it stays loaded.
const char* give_back(loaded_patch* patch)
{
  if (patch->stays() && HP_COUNTERMEASURE(load_once)) {
    const hp_status kept = library::locked([&](library& self) {
      return loaded_patches::of(self).keep(patch) ? HP_OK : HP_NO_MEMORY;
    });
    if (kept == HP_OK)
      return stays_constructed;
  }
  return loaded_patch::destroy(patch);
}

// What was taken out of the list goes back there if threads are inside, with
// the reason as message.  HP_OK: it is unloaded, or `stays` says why it will
// never be.
hp_status free_object(const call_context& call, loaded_patch* taken,
                      deadline until, const char*& stays)
{
  const bool looks =
      !taken->stays() && HP_COUNTERMEASURE(look_before_unloading);
  const hp_status status =
      looks ? release_image(call, taken->place(), until) : HP_OK;
  if (status == HP_OK) {
    stays = give_back(taken);
    return HP_OK;
  }
  const hp_status kept = library::locked([&](library& self) {
    return loaded_patches::of(self).add(taken) ? HP_OK : HP_NO_MEMORY;
  });
  (void)kept;  // without memory it stays loaded, and cannot be unloaded later
  return status;
}

constexpr char former_stays[] =
    "the code of the former version of patch \"%s\" stays loaded: %s";

// The versions that newer ones have replaced, until one is in use.
hp_status free_formers(const call_context& call, const char* name,
                       deadline until)
{
  for (;;) {
    loaded_patch* former = nullptr;
    const hp_status held = library::locked([&](library& self) {
      former = loaded_patches::of(self).take_former(name);
      return HP_OK;
    });
    if (held != HP_OK || former == nullptr)
      return held;
    const char* stays = nullptr;
    if (const hp_status status = free_object(call, former, until, stays);
        status != HP_OK)
      return status;
    if (stays != nullptr)
      log(HP_LOG_INFO, former_stays, name, stays);
  }
}

// After another version was applied.  What was asked for is done: this keeps
// no thread waiting for long, and hp_unload() can do it later.
void free_replaced(const call_context& call, const char* name)
{
  constexpr int patience_ms = 50;
  if (free_formers(call, name, deadline::in_milliseconds(patience_ms)) != HP_OK)
    log(HP_LOG_INFO, former_stays, name, last_message());
}

// After a failure, whose words stay.
[[gnu::noinline]] hp_status with_what_stays(hp_status status,
                                            const patch_file& patch,
                                            const char* stays)
{
  return stays == nullptr
             ? status
             : fail_also(status, "; the code of %s stays loaded: %s",
                         patch.label(), stays);
}

// What was left of an earlier hp_load() that may not be unloaded, or a new one.
hp_status load(patch_file& patch, const checked_patch& checked,
               loaded_patch*& loaded)
{
  hp_status status = library::locked([&](library& self) {
    loaded = loaded_patches::of(self).take_kept(patch);
    return HP_OK;
  });
  if (status != HP_OK)
    return status;
  if (loaded != nullptr) {
    // What it imports may have moved.
    status = store_imports(patch, loaded->base(), checked);
    return status == HP_OK ? HP_OK
                           : with_what_stays(status, patch, give_back(loaded));
  }
  opened_object object;
  status = object.open(patch);
  if (status == HP_OK)
    status = store_imports(patch, object.base(), checked);
  if (status == HP_OK)
    status = object.construct(patch);
  if (status != HP_OK)
    return with_what_stays(status, patch, object.give_back());
  loaded = loaded_patch::make(patch, object.object());
  if (loaded == nullptr)
    return with_what_stays(no_memory(patch), patch, object.give_back());
  object.release();
  return HP_OK;
}

}  // namespace

hp_status check_patch_object(const patch_source& source,
                             check_report& report) noexcept
{
  patch_file patch;
  if (const hp_status status = open_source(source, patch); status != HP_OK)
    return status;
  loaded_program program;
  checked_patch checked;
  return check_all(patch, program, checked, report);
}

hp_status load_patch_object(const call_context& call,
                            const patch_source& source,
                            const load_options& options) noexcept
{
  patch_file patch;
  if (const hp_status status = open_source(source, patch); status != HP_OK)
    return status;
  loaded_program program;
  checked_patch checked;
  check_report report;
  if ((options.commit.flags & HP_ALLOW_COPIES) != 0)
    report.tolerate(HP_INLINED);
  if (const hp_status status = check_all(patch, program, checked, report);
      status != HP_OK)
    return status;

  for (const import_value& each : checked.imports)
    if (*each.unnamed_file != '\0')
      log(HP_LOG_INFO,
          "patch \"%s\" uses %s, the only one in the program, which is static "
          "in %s; another file may have had one that the compiler has left "
          "out.  "
          "If this one is meant, write FILE:NAME in HP_IMPORT",
          patch.name(), each.symbol, each.unnamed_file);

  loaded_patch* loaded = nullptr;
  hp_status status = load(patch, checked, loaded);
  if (status != HP_OK)
    return status;
  status = library::locked([&](library& self) {
    return loaded_patches::of(self).add(loaded) ? HP_OK : no_memory(patch);
  });
  if (status == HP_OK) {
    const hp_commit_options chosen = choose(options, patch.contents());
    status = apply(call, patch, loaded->base(), checked, *loaded, chosen);
    if (status == HP_OK) {
      if (chosen.level == HP_QUIESCENT)
        free_replaced(call, patch.name());
      return HP_OK;
    }
    const hp_status taken = library::locked([&](library& self) {
      return loaded_patches::of(self).take(loaded->id()) != nullptr
                 ? HP_OK
                 : HP_INTERNAL;
    });
    if (taken != HP_OK)
      return status;
  }
  return with_what_stays(status, patch, give_back(loaded));
}

hp_status unload_patch_object(const call_context& call, const char* name,
                              const hp_commit_options& options) noexcept
{
  const whole_path whole(name);
  const char* path = whole ? whole.text() : name;
  std::uint64_t id = 0;  // another thread may free what was found
  bool applied = false;
  bool for_good = false;
  array<char> own_name;
  hp_status status = library::locked([&](library& self) {
    const loaded_patch* const found = loaded_patches::of(self).find(name, path);
    if (found == nullptr)
      return fail(HP_NOT_APPLIED, "no patch object \"%s\" is loaded", name);
    id = found->id();
    applied = found->applied();
    for_good = found->stays();
    return assign_text(own_name, found->name())
               ? HP_OK
               : fail(HP_NO_MEMORY, "%s: out of memory", name);
  });
  if (status != HP_OK)
    return status;
  if (applied) {
    operation step{operation::kind::remove_patch};
    step.name = own_name.data();
    status = commit_transaction(call, {&step, 1}, options);
    if (status != HP_OK)
      return status;
  }
  if (options.level != HP_QUIESCENT) {
    remark("patch \"%s\" is taken away, and its code stays loaded: %s",
           own_name.data(),
           for_good ? stays_constructed
                    : "only the level quiescent looks for threads in it; "
                      "hp_unload() at that level frees it");
    return HP_OK;
  }
  // Only one thread frees it.
  loaded_patch* found = nullptr;
  status = library::locked([&](library& self) {
    found = loaded_patches::of(self).take(id);
    return found != nullptr
               ? HP_OK
               : fail(HP_BUSY, "another thread unloads patch \"%s\"",
                      own_name.data());
  });
  if (status != HP_OK)
    return status;
  const auto until = deadline::in_milliseconds(options.timeout_ms);
  const char* stays = nullptr;
  status = free_object(call, found, until, stays);
  if (status == HP_OK)
    status = free_formers(call, own_name.data(), until);
  if (status == HP_OK && stays == nullptr) {
    remark("%s", "");
    return HP_OK;
  }
  if (status == HP_OK) {
    log(HP_LOG_INFO, "the code of patch \"%s\" stays loaded: %s",
        own_name.data(), stays);
    remark("patch \"%s\" is taken away, but its code stays loaded: %s",
           own_name.data(), stays);
    return HP_OK;
  }
  return fail_because(status,
                      "patch \"%s\" is taken away, but its code stays loaded",
                      own_name.data());
}

}  // namespace hotpatch
