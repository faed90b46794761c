// Runs a part of a test in a process of its own.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TESTSUITE_IN_CHILD_H
#define HOTPATCH_TESTSUITE_IN_CHILD_H

#include <sys/wait.h>
#include <unistd.h>

namespace hotpatch_test {

// Runs `body` in a forked child, where it may ruin its process; true if it
// returned true.
template <typename F>
bool in_child(F body)
{
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    _exit(body() ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace hotpatch_test

#endif
