/* A patch whose hooks write into a file "called" what they are; they say no if
 * there is a file "no-NAME", do not come back while there is "hold-NAME", and
 * end their thread if there is "exit-NAME".
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <hotpatch.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef NAME
#define NAME "hooked"
#endif
#ifndef VERSION
#define VERSION 1
#endif

HP_PATCH(NAME, VERSION, "With hooks");
#ifdef BUILD
HP_PATCH_BUILD(BUILD);
#endif

/* By write(2) alone: a hook need not leave anything in the C library's buffers.
 */
static const char* note(const char* hook)
{
  char line[64];
  const int length = snprintf(line, sizeof line, "%s %d\n", hook, VERSION);
  const int file = open("called", O_WRONLY | O_CREAT | O_APPEND, 0666);
  if (write(file, line, (size_t)length) != length)
    return "cannot write";
  close(file);
  snprintf(line, sizeof line, "hold-%s", hook);
  while (access(line, F_OK) == 0)
    usleep(5000);
  snprintf(line, sizeof line, "exit-%s", hook);
  if (access(line, F_OK) == 0)
    syscall(SYS_exit, 0);
  snprintf(line, sizeof line, "no-%s", hook);
  return access(line, F_OK) == 0 ? "not today" : NULL;
}

HP_HOOK("before_apply") static const char* before_apply(void)
{
  return note("before_apply");
}
HP_HOOK("after_apply") static void after_apply(void)
{
  note("after_apply");
}
HP_HOOK("before_revert") static const char* before_revert(void)
{
  return note("before_revert");
}
HP_HOOK("after_revert") static void after_revert(void)
{
  note("after_revert");
}

HP_REPLACES("first") static int fixed(int x)
{
  return x + 10 * VERSION;
}
