// The functions of hotpatch.h that change sites, load patch objects, and list
// named patches. SPDX-License-Identifier: MIT
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

#include "runtime/base/status.h"
#include "runtime/include/hotpatch.h"
#include "runtime/library/library.h"
#include "runtime/library/patch_listing.h"
#include "runtime/loading/image_release.h"
#include "runtime/loading/patch_loader.h"
#include "runtime/transactions/transaction.h"

namespace hotpatch {

namespace {

std::uint64_t address_of(hp_function function)
{
  return reinterpret_cast<std::uint64_t>(function);
}

hp_status add(hp_transaction* transaction, const char* function,
              const operation& step)
{
  if (transaction == nullptr)
    return fail(HP_INVALID, "%s: the transaction is null", function);
  return transaction->add(function, step);
}

bool empty(const char* text)
{
  return text == nullptr || *text == '\0';
}

hp_status no_path(const char* path)
{
  return fail(HP_UNREADABLE, "%s: %s", path, std::strerror(errno));
}

template <typename Listing, typename Visitor>
void show(const Listing& listing, Visitor visit, void* data)
{
  for (std::size_t i = 0; i < listing.size(); ++i)
    if (visit(&listing[i], data) != 0)
      return;
}

hp_status null_or_empty(const char* call)
{
  return fail(HP_INVALID, "%s: an argument is null, or the name is empty",
              call);
}

}  // namespace

}  // namespace hotpatch

using namespace hotpatch;

using kind = operation::kind;

extern "C" hp_status hp_apply_as(const char* name, hp_function replacement,
                                 const char* type, unsigned flags)
{
  const call_context call = {"hp_apply", __builtin_frame_address(0)};
  const operation step = {kind::apply, flags, name, address_of(replacement),
                          type};
  return log_outcome(call.function, name, commit_transaction(call, {&step, 1}));
}

extern "C" hp_status hp_revert(const char* name)
{
  const call_context call = {"hp_revert", __builtin_frame_address(0)};
  const operation step = {kind::revert, 0, name};
  return log_outcome(call.function, name, commit_transaction(call, {&step, 1}));
}

extern "C" hp_status hp_remove_as(const char* name, hp_function replacement)
{
  const call_context call = {"hp_remove", __builtin_frame_address(0)};
  const operation step = {kind::remove, 0, name, address_of(replacement)};
  return log_outcome(call.function, name, commit_transaction(call, {&step, 1}));
}

extern "C" hp_status hp_revert_all()
{
  const call_context call = {"hp_revert_all", __builtin_frame_address(0)};
  const operation step = {kind::revert_all};
  return log_outcome(call.function, nullptr,
                     commit_transaction(call, {&step, 1}));
}

extern "C" hp_status hp_release(const void* code, uint32_t timeout_ms)
{
  if (code == nullptr)
    return fail(HP_INVALID, "hp_release: the address is null");
  const call_context call = {"hp_release", __builtin_frame_address(0)};
  return log_outcome(
      call.function, "",
      release_image(call, code, deadline::in_milliseconds(timeout_ms)));
}

extern "C" hp_transaction* hp_begin()
{
  void* memory = std::malloc(sizeof(hp_transaction));
  if (memory != nullptr)
    return new (memory) hp_transaction;
  (void)fail(HP_NO_MEMORY, "hp_begin: no memory for a transaction");
  return nullptr;
}

extern "C" hp_status hp_add_apply_as(hp_transaction* transaction,
                                     const char* name, hp_function replacement,
                                     const char* type, unsigned flags)
{
  return add(transaction, "hp_add_apply",
             {kind::apply, flags, name, address_of(replacement), type});
}

extern "C" hp_status hp_add_revert(hp_transaction* transaction,
                                   const char* name)
{
  return add(transaction, "hp_add_revert", {kind::revert, 0, name});
}

extern "C" hp_status hp_add_remove_as(hp_transaction* transaction,
                                      const char* name, hp_function replacement)
{
  return add(transaction, "hp_add_remove",
             {kind::remove, 0, name, address_of(replacement)});
}

extern "C" hp_status hp_add_revert_all(hp_transaction* transaction)
{
  return add(transaction, "hp_add_revert_all", {kind::revert_all});
}

extern "C" hp_status hp_add_patch(hp_transaction* transaction,
                                  const hp_patch_info* patch)
{
  if (transaction == nullptr || patch == nullptr)
    return fail(HP_INVALID, "hp_add_patch: an argument is null");
  return transaction->add_patch("hp_add_patch", *patch);
}

extern "C" hp_status hp_add_remove_patch(hp_transaction* transaction,
                                         const char* name)
{
  return add(transaction, "hp_add_remove_patch", {kind::remove_patch, 0, name});
}

extern "C" hp_status hp_remove_patch(const char* name)
{
  const call_context call = {"hp_remove_patch", __builtin_frame_address(0)};
  const operation step = {kind::remove_patch, 0, name};
  return log_outcome(call.function, name, commit_transaction(call, {&step, 1}));
}

extern "C" hp_status hp_commit(hp_transaction* transaction,
                               const hp_commit_options* options)
{
  if (transaction == nullptr)
    return fail(HP_INVALID, "hp_commit: the transaction is null");
  const hp_commit_options& wanted =
      options != nullptr ? *options : default_options;
  if (const hp_status status = check_options("hp_commit", wanted);
      status != HP_OK)
    return status;
  const call_context call = {"hp_commit", __builtin_frame_address(0)};
  hp_status status = transaction->check_complete();
  if (status == HP_OK)
    status = commit_transaction(call, transaction->steps(), wanted,
                                &transaction->patches());
  log_outcome(call.function, nullptr, status);
  if (status == HP_OK)
    hp_abort(transaction);
  return status;
}

extern "C" void hp_abort(hp_transaction* transaction)
{
  if (transaction == nullptr)
    return;
  transaction->~hp_transaction();
  std::free(transaction);
}

extern "C" hp_status hp_load(const char* path, const hp_commit_options* options)
{
  const call_context call = {"hp_load", __builtin_frame_address(0)};
  load_options wanted = {default_options, options == nullptr};
  wanted.commit.timeout_ms = 1000;
  hp_status status = HP_OK;
  if (empty(path))
    status = fail(HP_INVALID, "hp_load: the path is null or empty");
  else if (options != nullptr)
    status = check_options("hp_load", *options);
  if (status == HP_OK && options != nullptr)
    wanted.commit = *options;
  if (status == HP_OK) {
    const whole_path whole(path);
    status = whole ? load_patch_object(call, {whole.text(), -1}, wanted)
                   : no_path(path);
  }
  return log_outcome(call.function, path, status);
}

extern "C" hp_status hp_unload(const char* name,
                               const hp_commit_options* options)
{
  const call_context call = {"hp_unload", __builtin_frame_address(0)};
  constexpr hp_commit_options freeing = {sizeof(hp_commit_options),
                                         HP_QUIESCENT, 0, 1000};
  hp_status status = HP_OK;
  if (empty(name))
    status = fail(HP_INVALID, "hp_unload: the name is null or empty");
  else if (options != nullptr)
    status = check_options("hp_unload", *options);
  if (status == HP_OK)
    status = unload_patch_object(call, name,
                                 options != nullptr ? *options : freeing);
  return log_outcome(call.function, name, status);
}

extern "C" hp_status hp_check(const char* path, hp_finding_visitor visit,
                              void* data)
{
  if (empty(path))
    return fail(HP_INVALID, "hp_check: the path is null or empty");
  const whole_path whole(path);
  if (!whole)
    return no_path(path);
  check_report report(visit, data);
  return check_patch_object({whole.text(), -1}, report);
}

extern "C" hp_status hp_patch_find(const char* name, hp_patch* patch)
{
  if (empty(name) || patch == nullptr)
    return null_or_empty("hp_patch_find");
  return library::locked([&](library& self) {
    const named_patch* found = self.all_patches().named().find(name);
    if (found == nullptr)
      return fail(HP_NOT_APPLIED, "no patch named \"%s\" is applied", name);
    if (const hp_status status = self.sites().refresh(); status != HP_OK)
      return status;
    *patch = describe(self.all_patches(), *found);
    return HP_OK;
  });
}

extern "C" hp_status hp_patch_each(hp_patch_visitor visit, void* data)
{
  if (visit == nullptr)
    return fail(HP_INVALID, "hp_patch_each: the visitor is null");
  patch_listing listing;
  const hp_status status = library::locked([&](library& self) {
    const hp_status refreshed = self.sites().refresh();
    return refreshed == HP_OK ? listing.take(self.all_patches()) : refreshed;
  });
  if (status == HP_OK)
    show(listing, visit, data);
  return status;
}

extern "C" hp_status hp_replacement_each(const char* name,
                                         hp_replacement_visitor visit,
                                         void* data)
{
  if (empty(name) || visit == nullptr)
    return null_or_empty("hp_replacement_each");
  replacement_listing listing;
  const hp_status status = library::locked([&](library& self) {
    located_site where;
    const hp_status found = self.find(name, where);
    return found == HP_OK ? listing.take(self.all_patches(), where) : found;
  });
  if (status == HP_OK)
    show(listing, visit, data);
  return status;
}
