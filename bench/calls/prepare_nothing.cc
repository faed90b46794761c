// For peers that are measured as they are built.
// SPDX-License-Identifier: MIT
#include "bench/calls/calls.h"

bool bench::prepare(const char*)
{
  return true;
}
