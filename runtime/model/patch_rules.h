// The rules of named patches: what a name is, which version may follow which,
// and which patches need others.
//
// Pure: callers say which patches there are, of this process or of another one,
// and get the same verdict in the same words.  Any thread.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_PATCH_RULES_H
#define HOTPATCH_RUNTIME_PATCH_RULES_H

#include <cstddef>
#include <cstdint>

#include "runtime/include/hotpatch.h"

namespace hotpatch {

// In bytes, without the terminating zero.
inline constexpr std::size_t longest_patch_name = 255;

// True if `name` may be a patch's name: names stand in messages, in lists, on
// command lines and in dependencies.
[[nodiscard]] bool is_patch_name(const char* name) noexcept;

// What the rule says, for messages.
inline constexpr char patch_name_rule[] =
    "a patch's name has at most 255 bytes, without blanks and without any of "
    "<>=,;!\"";

// A patch of the name that is offered, as it is present in the process.
struct present_version {
  std::uint32_t version = 0;
  bool in_effect = true;  // false: only a part of it is
};

// May version `offered` of the patch `name` be applied where `present` is?  It
// takes its place then.  HP_APPLIED: this version is in effect already;
// HP_OLDER: a newer one is there.
[[nodiscard]] hp_status check_version(const char* name, std::uint32_t offered,
                                      const present_version& present) noexcept;

// Another patch that has to be applied: "NAME", or "NAME>=VERSION".
struct patch_dependency {
  const char* name = "";      // not terminated; it lies in the text
  std::size_t length = 0;     // of the name, in bytes
  std::uint32_t version = 0;  // or a newer one; 0: any

  // False: the text is neither.
  [[nodiscard]] bool parse(const char* text) noexcept;

  [[nodiscard]] bool is_named(const char* other) const noexcept;
};

// The patch `name` needs `wanted`.  `present` is the version of that one that
// there is, or is going to be after a change; null: none.  HP_MISSING: `name`
// cannot be applied; HP_NEEDED: `name` is applied, so that the change which
// takes the other one away is refused.
[[nodiscard]] hp_status check_dependency(const char* name, bool is_applied,
                                         const patch_dependency& wanted,
                                         const std::uint32_t* present) noexcept;

}  // namespace hotpatch

#endif
