/* A program whose own library replaces answer() when there is a file "begin",
 * and is held in the middle of that until there is a file "go"; a thread of it
 * is inside stay() until there is a file "leave".  In the middle: the dead
 * bytes before the function have been written, the patch word has not.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <hotpatch.h>

#include <linux/membarrier.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "testsuite/lib/far_code.h"

HP_PATCHABLE int answer(int x)
{
  return x;
}

static void wait_for(const char* file)
{
  while (access(file, F_OK) != 0)
    usleep(1000);
}

HP_PATCHABLE int stay(void)
{
  wait_for("leave");
  return 1;
}

static int holds;

static long make(long number, long a, long b, long c, long d, long e, long f)
{
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8),
                     "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

/* Stands before the C library's: the library's barrier comes through here. */
long syscall(long number, ...)
{
  va_list rest;
  va_start(rest, number);
  long arguments[6];
  for (int i = 0; i < 6; i++)
    arguments[i] = va_arg(rest, long);
  va_end(rest);
  if (number == SYS_membarrier && holds &&
      arguments[0] == MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE) {
    holds = 0;
    printf("in the middle\n");
    wait_for("go");
  }
  return make(number, arguments[0], arguments[1], arguments[2], arguments[3],
              arguments[4], arguments[5]);
}

static void* say(void* unused)
{
  stay();
  for (;; usleep(2000))
    printf("answer %d\n", answer(2));
  return unused;
}

int main(void)
{
  pthread_t thread;
  setbuf(stdout, NULL);
  printf("begins\n");
  if (pthread_create(&thread, NULL, say, NULL) != 0)
    return 1;
  wait_for("begin");
  holds = 1;
  const hp_status status = hp_apply("answer", far_times_three());
  printf("changed: %s %s\n", hp_status_name(status), hp_error_message());
  for (;;)
    pause();
}
