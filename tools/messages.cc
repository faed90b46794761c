// Printing lines.
//
// SPDX-License-Identifier: MIT
#include "tools/messages.h"

#include <algorithm>
#include <string>

#include "processes/text.h"

namespace hotpatch::tools {

void print_line(std::FILE* where, std::string_view text)
{
  std::string line;
  for (;;) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    append_printable(line, text.substr(0, end));
    line += '\n';
    if (end == text.size())
      break;
    text.remove_prefix(end + 1);
  }
  std::fwrite(line.data(), 1, line.size(), where);
}

void complain(std::string_view tool, std::string_view text)
{
  std::string line(tool);
  line += ": ";
  line += text;
  print_line(stderr, line);
}

}  // namespace hotpatch::tools
