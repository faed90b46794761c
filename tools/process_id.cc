// Reading a process id.
//
// SPDX-License-Identifier: MIT
#include "tools/process_id.h"

#include <charconv>

namespace hotpatch::tools {

bool parse_process_id(std::string_view text, pid_t& into)
{
  const char* const end = text.data() + text.size();
  const auto [behind, error] = std::from_chars(text.data(), end, into);
  return error == std::errc{} && behind == end && into > 0;
}

}  // namespace hotpatch::tools
