/* Patch objects come and go while threads call, and while threads are inside
 * them.
 *
 *   threads FOLDER [CASE]    FOLDER has slow.so and quick.so
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <hotpatch.h>

#include <pthread.h>
#include <stdint.h>
#include <time.h>

#include "testsuite/lib/own_maps.h"
#include "testsuite/lib/tap.h"

/* 0: nobody waits, 1: somebody does, 2: go on.  The patch knows it, too. */
int gate;

HP_PATCHABLE int work(int x)
{
  return x + 1;
}

static const char* folder;

static const char* path_of(const char* name)
{
  static char path[4096];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

static int is_mapped(const char* name)
{
  return mapped_parts(name) > 0;
}

static void pause_a_moment(void)
{
  const struct timespec millisecond = {0, 1000000};
  nanosleep(&millisecond, NULL);
}

static void* call_once(void* unused)
{
  (void)unused;
  return (void*)(intptr_t)work(1);
}

/* slow.so waits at the gate, in a function that its replacement jumps to. */
static void inside(void)
{
  const hp_commit_options at_once = {sizeof(hp_commit_options), HP_IMMEDIATE, 0,
                                     0};
  const hp_commit_options short_time = {sizeof(hp_commit_options), HP_QUIESCENT,
                                        0, 50};
  pthread_t thread;
  void* result = NULL;
  IS(hp_load(path_of("slow.so"), NULL), HP_OK, "a patch that waits");
  pthread_create(&thread, NULL, call_once, NULL);
  while (__atomic_load_n(&gate, __ATOMIC_ACQUIRE) != 1)
    pause_a_moment();
  IS(hp_unload("slow", &at_once), HP_OK, "it is taken away meanwhile");
  OK(work(1) == 2, "and no longer called");
  IS(hp_unload("slow", &short_time), HP_BUSY, "its code stays");
  SAYS("patch \"slow\" is taken away, but its code stays loaded: ",
       "as the message says");
  OK(is_mapped("/slow.so"), "it is still there");
  __atomic_store_n(&gate, 2, __ATOMIC_RELEASE);
  pthread_join(thread, &result);
  OK((intptr_t)result == 1001, "the thread finishes it");
  IS(hp_unload("slow", NULL), HP_OK, "then it can go");
  OK(!is_mapped("/slow.so"), "and is gone");
}

static int stop;
static long wrong;

/* With breaths: where threads outnumber the cores, a moment in which none of
 * them is inside would be rare. */
static void* call_always(void* unused)
{
  (void)unused;
  while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
    for (int i = 0; i < 1000; i++) {
      const int result = work(1);
      if (result != 2 && result != 2001)
        __atomic_add_fetch(&wrong, 1, __ATOMIC_RELAXED);
    }
    pause_a_moment();
  }
  return NULL;
}

static void under_load(void)
{
  enum { callers = 3, rounds = 12 };
  const hp_commit_options levels[] = {
      {sizeof(hp_commit_options), HP_IMMEDIATE, 0, 5000},
      {sizeof(hp_commit_options), HP_STRICT, 0, 5000},
      {sizeof(hp_commit_options), HP_QUIESCENT, 0, 5000}};
  const hp_commit_options patient = {sizeof(hp_commit_options), HP_QUIESCENT, 0,
                                     20000};
  pthread_t threads[callers];
  int failed = 0;
  for (int i = 0; i < callers; i++)
    pthread_create(&threads[i], NULL, call_always, NULL);
  for (int i = 0; i < rounds && !failed; i++) {
    failed = hp_load(path_of("quick.so"), &levels[i % 3]) != HP_OK ||
             work(1) != 2001 || hp_unload("quick", &patient) != HP_OK ||
             work(1) != 2 || is_mapped("/quick.so");
  }
  __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
  for (int i = 0; i < callers; i++)
    pthread_join(threads[i], NULL);
  if (failed)
    printf("# %s\n", hp_error_message());
  OK(!failed, "loaded and unloaded under load");
  OK(wrong == 0, "every call is old or new");
}

static void* load_and_unload(void* unused)
{
  const hp_commit_options patient = {sizeof(hp_commit_options), HP_QUIESCENT, 0,
                                     20000};
  const hp_commit_options at_once = {sizeof(hp_commit_options), HP_IMMEDIATE, 0,
                                     20000};
  intptr_t odd = 0;
  (void)unused;
  for (int i = 0; i < 10; i++) {
    const hp_status loaded = hp_load(path_of("quick.so"), &at_once);
    const hp_status gone = hp_unload("quick", &patient);
    odd += (loaded != HP_OK && loaded != HP_APPLIED) ||
           (gone != HP_OK && gone != HP_NOT_APPLIED && gone != HP_BUSY &&
            gone != HP_NEEDED);
    if (odd == 1)
      printf("# %s %s %s\n", hp_status_name(loaded), hp_status_name(gone),
             hp_error_message());
  }
  return (void*)odd;
}

static void several_at_once(void)
{
  pthread_t threads[3];
  intptr_t odd = 0;
  for (int i = 0; i < 3; i++)
    pthread_create(&threads[i], NULL, load_and_unload, NULL);
  for (int i = 0; i < 3; i++) {
    void* result = NULL;
    pthread_join(threads[i], &result);
    odd += (intptr_t)result;
  }
  OK(odd == 0, "several threads load and unload the same patch");
  while (hp_unload("quick", NULL) == HP_OK)
    continue;
  OK(work(1) == 2 && !is_mapped("/quick.so"), "nothing is left of it");
}

static void* check_always(void* unused)
{
  (void)unused;
  while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
    hp_check(path_of("quick.so"), NULL, NULL);
  return NULL;
}

static void* load_often(void* unused)
{
  const hp_commit_options patient = {sizeof(hp_commit_options), HP_QUIESCENT, 0,
                                     20000};
  (void)unused;
  for (int i = 0; i < 40; i++) {
    (void)hp_load(path_of("quick.so"), NULL);
    (void)hp_unload("quick", &patient);
  }
  return NULL;
}

/* A check reads every object of the process, while others come and go that have
 * the same name one after the other. */
static void checked_meanwhile(void)
{
  enum { loaders = 3 };
  pthread_t checker;
  pthread_t threads[loaders];
  __atomic_store_n(&stop, 0, __ATOMIC_RELAXED);
  pthread_create(&checker, NULL, check_always, NULL);
  for (int i = 0; i < loaders; i++)
    pthread_create(&threads[i], NULL, load_often, NULL);
  for (int i = 0; i < loaders; i++)
    pthread_join(threads[i], NULL);
  __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
  pthread_join(checker, NULL);
  while (hp_unload("quick", NULL) == HP_OK)
    continue;
  OK(work(1) == 2 && !is_mapped("/quick.so"),
     "objects are checked while others come and go");
}

int main(int argc, char** argv)
{
  folder = argc > 1 ? argv[1] : ".";
  const char* const only = argc > 2 ? argv[2] : "";
  if (*only == '\0' || strcmp(only, "inside") == 0)
    inside();
  if (*only == '\0' || strcmp(only, "load") == 0)
    under_load();
  if (*only == '\0' || strcmp(only, "several") == 0)
    several_at_once();
  if (*only == '\0' || strcmp(only, "checked") == 0)
    checked_meanwhile();
  return done_testing();
}
