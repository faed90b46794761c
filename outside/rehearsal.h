// What would be done to a process, and everything that stands in the way of it.
//
// Owns the rule that a refusal names all reasons at once: each check is tried,
// whatever the others said.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_REHEARSAL_H
#define HOTPATCH_OUTSIDE_REHEARSAL_H

#include <string>
#include <vector>

#include "processes/trouble.h"
#include "runtime/objects/patch_check.h"

namespace hotpatch::outside {

class all_reasons {
 public:
  template <typename Check>
  void attempt(Check check)
  {
    try {
      check();
    } catch (const trouble& reason) {
      add(reason.what());
    }
  }

  // Throws trouble with all that was found, a line each.
  void throw_any() const
  {
    if (!text_.empty())
      throw trouble(text_);
  }

 private:
  void add(const char* reason)
  {
    text_ += text_.empty() ? "" : "\n";
    text_ += reason;
  }

  std::string text_;
};

// Which functions are replaced, and what else of the program is used.
std::vector<std::string> describe(const checked_patch& checked);

}  // namespace hotpatch::outside

#endif
