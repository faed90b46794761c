// From a file to an applied patch, and back.
// SPDX-License-Identifier: MIT
#include "runtime/library/patch_loader.h"

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <link.h>

#include "runtime/library/data_stores.h"
#include "runtime/library/image_pin.h"
#include "runtime/library/image_release.h"
#include "runtime/library/library.h"
#include "runtime/library/loaded_patch.h"
#include "runtime/library/loaded_program.h"
#include "runtime/base/memory_map.h"
#include "runtime/patches/named_patch.h"
#include "runtime/objects/patch_check.h"
#include "runtime/base/status.h"
#include "runtime/library/transaction.h"

// Weak for the same reason as in image_pin.cc.
#pragma weak dlerror
#pragma weak dlinfo

namespace hotpatch {

namespace {

// --- Checking ---------------------------------------------------------------

hp_status check_version(const patch_file& patch, const named_patch& applied)
{
  const std::uint32_t version = patch.contents().version;
  if (applied.info.version == version)
    return fail(HP_APPLIED,
                "%s: patch \"%s\" is applied already, in this version (%u)",
                patch.label(), patch.name(), version);
  if (applied.info.version > version)
    return fail(HP_OLDER,
                "%s: patch \"%s\" is version %u, and version %u is applied: "
                "take that one away first if an older one is wanted",
                patch.label(), patch.name(), version, applied.info.version);
  return HP_OK;
}

hp_status check_need(const patch_file& patch, const patch_need& need,
                     const named_patch* there)
{
  if (there == nullptr)
    return fail(HP_MISSING,
                "%s: patch \"%s\" needs patch \"%s\", which is not applied",
                patch.label(), patch.name(), need.name);
  if (there->info.version < need.version)
    return fail(HP_MISSING,
                "%s: patch \"%s\" needs version %u of patch \"%s\", and only "
                "version %u is applied",
                patch.label(), patch.name(), need.version, need.name,
                there->info.version);
  return HP_OK;
}

// Against the patches that are applied.
void check_others(const patch_file& patch, check_report& report)
{
  const hp_status held = library::locked([&](library& self) {
    const patch_list& named = self.all_patches().named();
    if (const named_patch* same = named.find(patch.name()))
      report.add(check_version(patch, *same));
    for (const patch_need& need : patch.contents().needs)
      report.add(check_need(patch, need, named.find(need.name)));
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
  return status == HP_OK ? report.result() : status;
}

// Absolute, so that the object is found again whatever the process does.
struct whole_path {
  explicit whole_path(const char* path) : text(realpath(path, nullptr)) {}
  whole_path(const whole_path&) = delete;
  whole_path& operator=(const whole_path&) = delete;
  ~whole_path() { std::free(text); }
  char* text;
};

hp_status no_path(const char* path)
{
  return fail(HP_UNREADABLE, "%s: %s", path, std::strerror(errno));
}

// --- Loading ----------------------------------------------------------------

// Gives the object back unless somebody takes it over.
class opened_object {
 public:
  opened_object() noexcept = default;
  opened_object(const opened_object&) = delete;
  opened_object& operator=(const opened_object&) = delete;
  ~opened_object() { close_image(handle_); }

  hp_status open(const patch_file& patch) noexcept
  {
    if (!can_open_images())
      return fail(HP_UNSUPPORTED,
                  "%s: this program is linked statically, so it cannot load "
                  "shared objects",
                  patch.label());
    if (const hp_status status = open_path(patch, patch.label());
        status != HP_OK || is_same(patch))
      return status;
    // An older file of that path is loaded.  Under another spelling the loader
    // looks at the file itself.
    char path[PATH_MAX + 2];
    const char* slash = std::strrchr(patch.label(), '/');
    std::snprintf(path, sizeof path, "%.*s/.%s",
                  static_cast<int>(slash - patch.label()), patch.label(),
                  slash);
    if (const hp_status status = open_path(patch, path);
        status != HP_OK || is_same(patch))
      return status;
    return fail(HP_UNREADABLE,
                "%s: another file of that name is loaded already, or it was "
                "changed meanwhile; give the new one a name of its own",
                patch.label());
  }

  [[nodiscard]] std::uint64_t base() const noexcept { return base_; }
  void* handle() const noexcept { return handle_; }
  void release() noexcept { handle_ = nullptr; }

 private:
  hp_status open_path(const patch_file& patch, const char* path) noexcept
  {
    close_image(handle_);
    // All symbols now: a slot that would be filled later looks unresolved.
    handle_ = open_image(path, RTLD_NOW | RTLD_LOCAL);
    if (handle_ == nullptr) {
      const char* reason = dlerror != nullptr ? dlerror() : nullptr;
      return fail(HP_UNREADABLE, "%s: %s", patch.label(),
                  reason != nullptr ? reason : "cannot be loaded");
    }
    const link_map* map = nullptr;
    if (dlinfo == nullptr || dlinfo(handle_, RTLD_DI_LINKMAP, &map) != 0)
      return fail(HP_UNSUPPORTED,
                  "%s: the dynamic linker does not tell where it is loaded",
                  patch.label());
    base_ = map->l_addr;
    return HP_OK;
  }

  // The records are read-only and hold no addresses, so they are the same in
  // memory; the state is looked at because its place comes from the file.
  bool is_same(const patch_file& patch) const noexcept
  {
    const record_section records = patch.records();
    memory_mapping last;
    return find_mapping(base_ + records.address + records.size - 1, last) &&
           find_mapping(base_ + patch.state(), last) &&
           std::memcmp(reinterpret_cast<const void*>(base_ + records.address),
                       patch.record_bytes(), records.size) == 0;
  }

  void* handle_ = nullptr;
  std::uint64_t base_ = 0;
};

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

hp_commit_options wishes_of(const patch_contents& patch)
{
  hp_commit_options options = default_options;
  if (patch.level != 0)
    options.level = static_cast<hp_level>(patch.level - 1);
  options.timeout_ms = 1000;
  return options;
}

hp_status apply(const patch_file& patch, std::uint64_t base,
                const checked_patch& checked, loaded_patch& loaded,
                const hp_commit_options& options, const void* frame)
{
  array<const char*> depends;
  for (const patch_need& need : patch.contents().needs)
    if (!depends.append(need.name))
      return no_memory(patch);
  if (!depends.append(nullptr))
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
  if (!steps.append(
          {operation::kind::add_patch, nullptr, 0, nullptr, 0, named, 0}))
    return no_memory(patch);
  for (const patch_target& each : checked.targets)
    if (!steps.append({operation::kind::apply, each.replacement->target,
                       base + each.replacement->code, nullptr, HP_ANY_PROTOTYPE,
                       named, each.where.symbol}))
      return no_memory(patch);
  return commit_operations({steps.data(), steps.size()}, options, frame,
                           pending);
}

}  // namespace

hp_status check_patch_object(const char* path, check_report& report) noexcept
{
  const whole_path whole(path);
  if (whole.text == nullptr)
    return no_path(path);
  patch_file patch;
  if (const hp_status status = patch.open(whole.text); status != HP_OK)
    return status;
  loaded_program program;
  checked_patch checked;
  return check_all(patch, program, checked, report);
}

hp_status load_patch_object(const char* path, const hp_commit_options* options,
                            const void* frame) noexcept
{
  const whole_path whole(path);
  if (whole.text == nullptr)
    return no_path(path);
  patch_file patch;
  if (const hp_status status = patch.open(whole.text); status != HP_OK)
    return status;
  loaded_program program;
  checked_patch checked;
  check_report report;
  if (const hp_status status = check_all(patch, program, checked, report);
      status != HP_OK)
    return status;

  opened_object object;
  hp_status status = object.open(patch);
  if (status == HP_OK)
    status = store_imports(patch, object.base(), checked);
  if (status != HP_OK)
    return status;
  loaded_patch* loaded =
      loaded_patch::make(patch, object.base(), object.handle());
  if (loaded == nullptr)
    return no_memory(patch);
  object.release();
  status = library::locked([&](library& self) {
    return self.loaded().add(loaded) ? HP_OK : no_memory(patch);
  });
  if (status == HP_OK) {
    status = apply(patch, object.base(), checked, *loaded,
                   options != nullptr ? *options : wishes_of(patch.contents()),
                   frame);
    if (status == HP_OK)
      return HP_OK;
    const hp_status taken = library::locked([&](library& self) {
      return self.loaded().take(loaded) ? HP_OK : HP_INTERNAL;
    });
    if (taken != HP_OK)
      return status;
  }
  loaded_patch::destroy(loaded);
  return status;
}

hp_status unload_patch_object(const char* name,
                              const hp_commit_options& options,
                              const void* frame) noexcept
{
  const whole_path whole(name);
  const char* path = whole.text != nullptr ? whole.text : name;
  loaded_patch* found = nullptr;
  bool applied = false;
  array<char> own_name;  // another thread may free what was found
  hp_status status = library::locked([&](library& self) {
    found = self.loaded().find(name, path);
    if (found == nullptr)
      return fail(HP_NOT_APPLIED, "no patch object \"%s\" is loaded", name);
    applied = found->applied();
    return assign_text(own_name, found->name())
               ? HP_OK
               : fail(HP_NO_MEMORY, "%s: out of memory", name);
  });
  if (status != HP_OK)
    return status;
  if (applied) {
    owned_patches none;
    operation step{operation::kind::remove_patch};
    step.name = own_name.data();
    status = commit_operations({&step, 1}, options, frame, none);
    if (status != HP_OK)
      return status;
  }
  if (options.level != HP_QUIESCENT)
    return HP_OK;
  // Only one thread frees it.
  status = library::locked([&](library& self) {
    return self.loaded().take(found)
               ? HP_OK
               : fail(HP_BUSY, "another thread unloads patch \"%s\"",
                      own_name.data());
  });
  if (status != HP_OK)
    return status;
  status = release_image(found->place(),
                         deadline::in_milliseconds(options.timeout_ms), frame);
  if (status == HP_OK) {
    loaded_patch::destroy(found);
    return HP_OK;
  }
  char reason[1024];
  std::snprintf(reason, sizeof reason, "%s", last_message());
  const hp_status kept = library::locked([&](library& self) {
    return self.loaded().add(found) ? HP_OK : HP_NO_MEMORY;
  });
  (void)kept;  // without memory it stays loaded, and cannot be unloaded later
  return fail(status,
              "patch \"%s\" is taken away, but its code stays loaded: %s",
              own_name.data(), reason);
}

}  // namespace hotpatch
