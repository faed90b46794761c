/* All levels while another thread calls the function and a third one sleeps:
 * for every way in which a program can be built or run.
 *
 *   everywhere [setuid | no-window]
 *
 * Exit status: 0 good, 1 bad, 77 not possible here.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include "testsuite/hostile/subject.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* For where no filter can be installed: it stands before the C library's. */
static int no_window;
int mprotect(void* address, size_t size, int protection)
{
  const int rwx = PROT_READ | PROT_WRITE | PROT_EXEC;
  if (no_window && protection == rwx) {
    errno = EACCES;
    return -1;
  }
  return (int)syscall(SYS_mprotect, address, size, protection);
}

static int stop;
static int calls;
static int wrong;

static void* call_for_ever(void* data)
{
  while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
    const int got = answer(1);
    if (got != 2 && got != 10)
      __atomic_store_n(&wrong, 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
    usleep(100);
  }
  return data;
}

static void* sleep_for_long(void* data)
{
  while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
    usleep(50000);
  return data;
}

static int complain(const char* level)
{
  printf("%s: %s\n", level, hp_error_message());
  return 1;
}

static int try_levels(void)
{
  static const char* const levels[] = {"immediate", "strict", "quiescent",
                                       "safe point"};
  for (int level = HP_IMMEDIATE; level <= HP_SAFEPOINT; level++) {
    for (int i = 0; i < 5; i++)
      if (!toggles_at((hp_level)level))
        return complain(levels[level]);
  }
  return 0;
}

int main(int count, char** arguments)
{
  const char* const wish = count > 1 ? arguments[1] : "";
  pthread_t threads[2];
  if (strcmp(wish, "setuid") == 0 && getuid() == geteuid())
    return 77;
  no_window = strcmp(wish, "no-window") == 0;
  if (pthread_create(&threads[0], NULL, call_for_ever, NULL) != 0 ||
      pthread_create(&threads[1], NULL, sleep_for_long, NULL) != 0)
    return 77;
  while (__atomic_load_n(&calls, __ATOMIC_RELAXED) == 0)
    usleep(1000);
  int result = try_levels();
  if (no_window && strcmp(hp_writer(), "proc-mem") != 0)
    result = complain("the other writer");
  printf("writer: %s, barrier: %s\n", hp_writer(), hp_barrier());
  __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
  pthread_join(threads[0], NULL);
  pthread_join(threads[1], NULL);
  return result != 0 || wrong != 0;
}
