// The handler of SIGBUS, and what it says.
//
// SPDX-License-Identifier: MIT
#include "tools/shortened_files.h"

#include <csignal>
#include <cstring>
#include <unistd.h>

namespace hotpatch::tools {

namespace {

constinit const char* tool_name = "";
constinit int exit_status = 0;
constinit const char* what_to_do = "";

// Async-signal-safe; there is nobody left to tell if the message fails.
void say(const char* text)
{
  [[maybe_unused]] const ssize_t written =
      write(STDERR_FILENO, text, std::strlen(text));
}

void end(int)
{
  say(tool_name);
  say(": a file became shorter while it was read; replace files by renaming "
      "new ones over them; ");
  say(what_to_do);
  say("\n");
  _exit(exit_status);
}

}  // namespace

void tell_of_shortened_files(const char* tool, int status, const char* way_out)
{
  tool_name = tool;
  exit_status = status;
  what_to_do = way_out;
  struct sigaction action = {};
  action.sa_handler = end;
  sigaction(SIGBUS, &action, nullptr);
}

}  // namespace hotpatch::tools
