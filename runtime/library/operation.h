// One step of a transaction, as the program asked for it.
//
// A value; whoever makes it keeps its texts.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_OPERATION_H
#define HOTPATCH_RUNTIME_OPERATION_H

#include <cstdint>

namespace hotpatch {

struct named_patch;

struct operation {
  enum class kind : std::uint8_t {
    apply,
    revert,
    remove,
    revert_all,  // these, too, concern named patches
    add_patch,
    remove_patch,
  };

  kind what;
  unsigned flags = 0;  // apply
  // Of the function, or of the patch to remove; not for the others.
  const char* name = nullptr;
  std::uint64_t replacement = 0;  // apply, remove
  const char* type = nullptr;     // apply: the mangled type, null: unknown
  // What is known by more than a name.
  union {
    // apply: the symbol of the site, if it has been looked up; 0: by the name.
    std::uint64_t site = 0;
    // add_patch: which.  The replacements applied behind it belong to it.
    named_patch* patch;
  } known = {};
};

// The step may change which named patches are applied.
inline bool concerns_patches(const operation& step) noexcept
{
  return step.what >= operation::kind::revert_all;
}

}  // namespace hotpatch

#endif
