// Runs a part of a test in a process of its own.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TESTSUITE_IN_CHILD_H
#define HOTPATCH_TESTSUITE_IN_CHILD_H

#include <csignal>

#include <sys/wait.h>
#include <unistd.h>

namespace hotpatch_test {

// Runs `body` in a forked child, where it may ruin its process; true if it
// returned true within a minute, whatever signals it blocks.
template <typename F>
bool in_child(F body)
{
  const pid_t child = fork();
  if (child == 0)
    _exit(body() ? 0 : 1);
  int status = 0;
  for (int milliseconds = 0; waitpid(child, &status, WNOHANG) == 0;
       ++milliseconds) {
    if (milliseconds == 60'000)
      kill(child, SIGKILL);
    usleep(1000);
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace hotpatch_test

#endif
