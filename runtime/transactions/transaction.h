// A transaction: its steps, and its way from the program's call to the store.
//
// Any thread, without the library's lock: each attempt takes it and gives it
// back, so that threads which wait for it can go on, leave what is to be
// replaced, and reach safe points.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_TRANSACTION_H
#define HOTPATCH_RUNTIME_TRANSACTION_H

#include <cstdint>
#include <span>

#include "runtime/base/array.h"
#include "runtime/base/status.h"
#include "runtime/base/text_pool.h"
#include "runtime/include/hotpatch.h"
#include "runtime/patches/named_patch.h"
#include "runtime/transactions/planning.h"

namespace hotpatch {

// `function`: the name of the one that the program called.
[[nodiscard]] hp_status check_options(
    const char* function, const hp_commit_options& options) noexcept;

// A null pointer's meaning: immediate.
inline constexpr hp_commit_options default_options = {sizeof(hp_commit_options),
                                                      HP_IMMEDIATE, 0, 0};

// All operations or none.  Of the patches in `pending`, which the operations
// bring, those that are applied then are taken out.  The time of the options
// also limits how long to wait for other threads' transactions with named
// patches; 0: until they end.
[[nodiscard]] hp_status commit_transaction(
    const call_context& call, std::span<const operation> operations,
    const hp_commit_options& options = default_options,
    owned_patches* pending = nullptr) noexcept;

// Tells the program's log how a call went, and returns its status.  `name`: of
// the function that it was about, or null.
hp_status log_outcome(const char* function, const char* name,
                      hp_status status) noexcept;

}  // namespace hotpatch

// Operations with copies of their texts, until they are committed.
struct hp_transaction {
  hp_transaction() noexcept = default;
  hp_transaction(const hp_transaction&) = delete;
  hp_transaction& operator=(const hp_transaction&) = delete;

  // A failure is kept: the transaction lacks a step and cannot be committed.
  [[nodiscard]] hp_status add(const char* function,
                              const hotpatch::operation& step) noexcept;
  // The replacements added from now on belong to this patch.
  [[nodiscard]] hp_status add_patch(const char* function,
                                    const hp_patch_info& info) noexcept;

  // That no step is missing.
  [[nodiscard]] hp_status check_complete() const noexcept;
  std::span<const hotpatch::operation> steps() const noexcept
  {
    return {steps_.data(), steps_.size()};
  }
  hotpatch::owned_patches& patches() noexcept { return patches_; }

 private:
  [[nodiscard]] bool append_copy(const hotpatch::operation& step) noexcept;
  [[nodiscard]] hp_status note(hp_status status) noexcept;

  hotpatch::array<hotpatch::operation> steps_;
  hotpatch::text_pool texts_;  // theirs
  const char* last_type_ = nullptr;
  hotpatch::owned_patches patches_;
  hp_status incomplete_ = HP_OK;
};

#endif
