// The functions of hotpatch.h that change sites.
// SPDX-License-Identifier: MIT
#include <cstdint>
#include <cstdlib>
#include <new>

#include "runtime/base/status.h"
#include "runtime/include/hotpatch.h"
#include "runtime/loading/image_release.h"
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
