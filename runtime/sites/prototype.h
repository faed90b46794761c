// Whether a replacement has the type of the function it is to replace.
//
// Any thread.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_PROTOTYPE_H
#define HOTPATCH_RUNTIME_PROTOTYPE_H

#include "runtime/include/hotpatch.h"
#include "runtime/sites/site.h"

namespace hotpatch {

// HP_OK if the types agree or nothing is known about one of them, otherwise
// HP_PROTOTYPE with both in the message.

// The mangled function type that a C++ caller has in hand, null if unknown.
// The same text is mostly asked for again, so its hash is kept; it must
// not change as long as this exists.
class wanted_type {
 public:
  // `what` is the word for it: "the replacement".
  [[nodiscard]] hp_status check_type(const site& site, const char* type,
                                     const char* what) noexcept;

 private:
  const char* recent_ = nullptr;
  std::uint64_t hash_ = 0;  // of that one
};

// A replacement that is a site itself, so that its record tells its type.
[[nodiscard]] hp_status check_replacement(
    const site& site, const hotpatch::site& replacement) noexcept;

}  // namespace hotpatch

#endif
