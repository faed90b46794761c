// From operations to a commit: pins, attempts, log.
//
// Any thread, without the library's lock: it is taken for each attempt anew, so
// that threads which wait for it in the meantime can go on, leave what is to
// be replaced, and reach safe points.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_TRANSACTION_H
#define HOTPATCH_RUNTIME_TRANSACTION_H

#include <cstdint>
#include <span>

#include "runtime/base/array.h"
#include "runtime/include/hotpatch.h"
#include "runtime/library/operation.h"
#include "runtime/library/text_pool.h"
#include "runtime/patches/named_patch.h"

namespace hotpatch {

[[nodiscard]] hp_status check_options(
    const char* call, const hp_commit_options& options) noexcept;

// Checks what can be checked without looking at sites.  `call` is the name of
// the function that the program called.
[[nodiscard]] hp_status check_operation(const char* call,
                                        const operation& step) noexcept;

// All operations or none.  `frame`: the __builtin_frame_address of the function
// that the program called.  Of the patches in `pending`, those that are applied
// then are taken out.  `turn_timeout_ms`: how long to wait for other threads'
// transactions with named patches, 0: until they end.
[[nodiscard]] hp_status commit_operations(
    std::span<const operation> operations, const hp_commit_options& options,
    const void* frame, owned_patches& pending,
    std::uint32_t turn_timeout_ms = 0) noexcept;

// A null pointer's meaning: immediate.
inline constexpr hp_commit_options default_options = {
    HP_IMMEDIATE, 0, 0, {nullptr, nullptr, nullptr, nullptr}};

// Tells the program's log how a call went; `name`: of the function, or null.
void log_outcome(hp_status status, const char* call, const char* name) noexcept;

}  // namespace hotpatch

// Operations with copies of their texts, until they are committed.
struct hp_transaction {
  hp_transaction() noexcept = default;
  hp_transaction(const hp_transaction&) = delete;
  hp_transaction& operator=(const hp_transaction&) = delete;

  // A failure is kept: the transaction lacks a step and cannot be committed.
  [[nodiscard]] hp_status add(const char* call,
                              const hotpatch::operation& step) noexcept;
  // The replacements added from now on belong to this patch.
  [[nodiscard]] hp_status add_patch(const char* call,
                                    const hp_patch_info& info) noexcept;

  [[nodiscard]] hp_status commit(const hp_commit_options& options,
                                 const void* frame) noexcept;

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
