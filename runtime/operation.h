// One step of a transaction, as the program asked for it.
//
// A value; whoever makes it keeps its texts.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_OPERATION_H
#define HOTPATCH_RUNTIME_OPERATION_H

#include <cstdint>

namespace hotpatch {

struct operation {
  enum class kind : std::uint8_t { apply, revert, remove, revert_all };

  kind what;
  const char* name = nullptr;     // of the function; not for revert_all
  std::uint64_t replacement = 0;  // apply, remove
  const char* type = nullptr;     // apply: the mangled type, null: unknown
  unsigned flags = 0;             // apply
};

}  // namespace hotpatch

#endif
