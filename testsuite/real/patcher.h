/* What the threads that patch real programs from inside have in common.  The
 * thread, the program's load and the test script agree by files in the current
 * directory.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HOTPATCH_TESTSUITE_REAL_PATCHER_H
#define HOTPATCH_TESTSUITE_REAL_PATCHER_H

#include <hotpatch.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

/* Ends the program when a call of the library fails. */
static inline void require(hp_status status, const char* what)
{
  if (status == HP_OK)
    return;
  fprintf(stderr, "%s: %s: %s\n", what, hp_status_name(status),
          hp_error_message());
  _exit(3);
}

static inline hp_function require_original(const char* name)
{
  hp_function original = hp_original(name);
  require(original != NULL ? HP_OK : HP_NOT_FOUND, name);
  return original;
}

static inline void wait_for_file(const char* name)
{
  while (access(name, F_OK) != 0)
    usleep(1000);
}

static inline void make_file(const char* name)
{
  FILE* file = fopen(name, "w");
  if (file == NULL)
    _exit(3);
  fclose(file);
}

/* Waits until a replacement that counts its calls was called again. */
static inline void wait_for_calls(atomic_ulong* calls)
{
  unsigned long enough = *calls + 100;
  while (*calls < enough)
    usleep(100);
}

static inline void start_thread(void* (*run)(void*))
{
  pthread_t thread;
  if (pthread_create(&thread, NULL, run, NULL) != 0)
    _exit(3);
  pthread_detach(thread);
}

#endif
