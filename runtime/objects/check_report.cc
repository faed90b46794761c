// Keeping the first of several failures.
// SPDX-License-Identifier: MIT
#include "runtime/objects/check_report.h"

#include <cstdio>

#include "runtime/base/status.h"

namespace hotpatch {

void check_report::add(hp_status status) noexcept
{
  if (status == HP_OK)
    return;
  if (listen_ != nullptr)
    listen_(status, last_message(), data_);
  if (first_ != HP_OK || status == tolerated_)
    return;
  first_ = status;
  std::snprintf(words_, sizeof words_, "%s", last_message());
}

hp_status check_report::result() const noexcept
{
  return first_ == HP_OK ? HP_OK : fail(first_, "%s", words_);
}

}  // namespace hotpatch
