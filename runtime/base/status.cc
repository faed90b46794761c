// The calling thread's last failure in words.
// SPDX-License-Identifier: MIT
#include "runtime/base/status.h"

#include <cstdarg>
#include <cstdio>

namespace hotpatch {

namespace {

constinit thread_local char message[2048];

}  // namespace

hp_status fail(hp_status code, const char* format, ...) noexcept
{
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  return code;
}

const char* last_message() noexcept
{
  return message;
}

}  // namespace hotpatch
