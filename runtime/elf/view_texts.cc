// Strings that are known to end.
// SPDX-License-Identifier: MIT
#include "runtime/elf/view_texts.h"

namespace hotpatch {

// A string ends inside its range exactly if it begins at or before the last
// NUL of the range, so that NUL is looked for once, not once per string.  Not
// with memrchr: in a program built with -fsanitize=address it complains about
// the red zones between the program's own constants.
const char* view_texts::at(std::uint64_t address) noexcept
{
  if (!recent_ || !recent_->contains(address)) {
    recent_ = view_.find(address);
    if (!recent_)
      return nullptr;
    terminated_ = recent_->size;
    while (terminated_ > 0 && recent_->bytes[terminated_ - 1] != '\0')
      --terminated_;
  }
  if (address - recent_->address >= terminated_)
    return nullptr;
  return reinterpret_cast<const char*>(recent_->at(address));
}

}  // namespace hotpatch
