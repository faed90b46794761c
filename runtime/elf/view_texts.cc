// Strings that are known to end.
// SPDX-License-Identifier: MIT
#include "runtime/elf/view_texts.h"

namespace hotpatch {

// A string ends inside its range exactly if it begins at or before the last
// NUL of the range, so that NUL is looked for once, not once per string.  Not
// with memrchr: in a program built with -fsanitize=address it complains about
// the red zones between the program's own constants.
bool view_texts::look_up(std::uint64_t address) noexcept
{
  const memory_range* const range = view_.find(address);
  if (range == nullptr)
    return false;
  recent_ = *range;
  while (recent_.size > 0 && recent_.bytes[recent_.size - 1] != '\0')
    --recent_.size;
  return recent_.contains(address);
}

}  // namespace hotpatch
