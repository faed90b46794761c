// Stores into data of this process, also where it is read-only.
//
// Owns the protection of the pages meanwhile: it is what it was, afterwards.
// For data of an object that nobody uses yet; any thread.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_DATA_STORES_H
#define HOTPATCH_RUNTIME_DATA_STORES_H

#include <span>

#include "runtime/objects/import_stores.h"

namespace hotpatch {

// HP_DENIED: the system forbids it.  The words name `label`.
[[nodiscard]] hp_status store_data(
    const char* label, std::span<const import_store> stores) noexcept;

}  // namespace hotpatch

#endif
