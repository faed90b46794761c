// Printing lines, and the handler of SIGBUS.
//
// SPDX-License-Identifier: MIT
#include "tools/messages.h"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <string>

#include <unistd.h>

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

namespace {

constinit const char* tool_name = "";
constinit int exit_status = 0;
constinit const char* what_to_do = "";

// Async-signal-safe; nothing can be done if the message fails.
void write_safely(const char* text)
{
  [[maybe_unused]] const ssize_t written =
      write(STDERR_FILENO, text, std::strlen(text));
}

void end_shortened(int)
{
  write_safely(tool_name);
  write_safely(
      ": a file became shorter while it was read; replace files by renaming "
      "new ones over them; ");
  write_safely(what_to_do);
  write_safely("\n");
  _exit(exit_status);
}

}  // namespace

void tell_of_shortened_files(const char* tool, int status, const char* way_out)
{
  tool_name = tool;
  exit_status = status;
  what_to_do = way_out;
  struct sigaction action = {};
  action.sa_handler = end_shortened;
  sigaction(SIGBUS, &action, nullptr);
}

}  // namespace hotpatch::tools
