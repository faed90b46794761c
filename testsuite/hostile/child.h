/* Tests that ruin their process, each in a child of its own.
 *
 * A body returns child_good, child_bad or child_cannot; EXPECT() and
 * EXPECT_SAYS() return child_bad and print where, and the library's message.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HOTPATCH_TESTSUITE_HOSTILE_CHILD_H
#define HOTPATCH_TESTSUITE_HOSTILE_CHILD_H

#include <hotpatch.h>

#include <sys/wait.h>
#include <unistd.h>

#include "testsuite/lib/tap.h"

enum { child_good = 0, child_bad = 1, child_cannot = 77 };

#define EXPECT(condition)                                               \
  do                                                                    \
    if (!(condition)) {                                                 \
      printf("# %s:%d: %s\n# the message is: %s\n", __FILE__, __LINE__, \
             #condition, hp_error_message());                           \
      fflush(stdout);                                                   \
      return child_bad;                                                 \
    }                                                                   \
  while (0)

#define EXPECT_SAYS(text) EXPECT(strstr(hp_error_message(), (text)) != NULL)

static inline int run_in_child(int (*body)(void))
{
  int status = 0;
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    alarm(120);
    _exit(body());
  }
  waitpid(child, &status, 0);
  if (WIFEXITED(status))
    return WEXITSTATUS(status);
  printf("# child killed by signal %d\n", WTERMSIG(status));
  return child_bad;
}

/* One test. */
static inline void in_child(int (*body)(void), const char* name)
{
  const int result = run_in_child(body);
  if (result == child_cannot)
    SKIP(name, "this system does not let itself be restricted like that");
  else
    OK(result == child_good, name);
}

#endif
