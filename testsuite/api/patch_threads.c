/* Many threads that change named patches at once, at every level, while others
 * call what they replace.
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <hotpatch.h>

#include <pthread.h>
#include <stdint.h>
#include <time.h>

#include "testsuite/lib/tap.h"
#include "testsuite/lib/three_functions.h"

static hp_level level;
static int stop;
static long rounds; /* of all callers */

static void rest(void)
{
  const struct timespec moment = {0, 100000};
  nanosleep(&moment, NULL);
}

static void* call(void* data)
{
  long* bad = data;
  hp_thread_register();
  while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
    const int a = first(1);
    const int b = second(1);
    *bad += (a != 2 && a != 10 && a != 20) || (b != 3 && b != 10 && b != 20);
    __atomic_add_fetch(&rounds, 1, __ATOMIC_ACQ_REL);
    hp_safepoint();
    rest();
  }
  return NULL;
}

/* --- Hooks in the middle of a running program ------------------------------
 */

/* The others go on while a hook runs: it waits for them. */
static const char* wait_for_others(const hp_patch_info* patch)
{
  const long seen = __atomic_load_n(&rounds, __ATOMIC_ACQUIRE);
  (void)patch;
  for (int i = 0; i < 100000; i++) {
    if (__atomic_load_n(&rounds, __ATOMIC_ACQUIRE) > seen + 10)
      return NULL;
    rest();
  }
  return "the other threads stand still";
}
static int stood; /* hooks "after" that saw no thread run */
static void see_others_run(const hp_patch_info* patch)
{
  stood += wait_for_others(patch) != NULL;
}

static void others_run_during_hooks(void)
{
  const hp_commit_options options = {sizeof(hp_commit_options), level, 0,
                                     10000};
  hp_patch_info info = {0};
  hp_transaction* all = hp_begin();
  info.name = "hooked";
  info.before_apply = info.before_revert = wait_for_others;
  info.after_apply = info.after_revert = see_others_run;
  hp_add_patch(all, &info);
  hp_add_apply(all, "first", times_ten);
  IS(hp_commit(all, &options), HP_OK, "a patch whose hooks wait for others");
  all = hp_begin();
  hp_add_remove_patch(all, "hooked");
  IS(hp_commit(all, &options), HP_OK, "and goes again");
  OK(stood == 0, "no thread stands while hooks run");
}

/* --- Who changes what at the same time --------------------------------------
 */

enum { changers = 3, changes = 20 };

static void* change(void* data)
{
  const hp_commit_options options = {sizeof(hp_commit_options), level, 0,
                                     20000};
  char name[16];
  uintptr_t failures = 0;
  hp_patch_info info = {0};
  snprintf(name, sizeof name, "patch-%d", *(int*)data);
  info.name = name;
  hp_thread_register();
  for (int i = 0; i < changes; i++) {
    hp_transaction* all = hp_begin();
    hp_add_patch(all, &info);
    hp_add_apply(all, "first", times_ten);
    hp_add_apply(all, "second", times_twenty);
    const hp_status there = hp_commit(all, &options);
    if (there != HP_OK)
      printf("# %s: %s\n", name, hp_error_message());
    all = hp_begin();
    hp_add_remove_patch(all, name);
    const hp_status back = hp_commit(all, &options);
    if (back != HP_OK)
      printf("# %s: %s\n", name, hp_error_message());
    failures += there != HP_OK || back != HP_OK;
    hp_safepoint();
  }
  return (void*)failures;
}

static void changers_take_turns(void)
{
  pthread_t threads[changers];
  int numbers[changers];
  uintptr_t failures = 0;
  for (int i = 0; i < changers; i++) {
    numbers[i] = i;
    pthread_create(&threads[i], NULL, change, &numbers[i]);
  }
  for (int i = 0; i < changers; i++) {
    void* result = NULL;
    pthread_join(threads[i], &result);
    failures += (uintptr_t)result;
  }
  OK(failures == 0, "several threads change patches at once");
}

static int nothing(const hp_patch* patch, void* data)
{
  (void)patch;
  ++*(int*)data;
  return 0;
}

int main(void)
{
  static const char* const names[] = {"immediate", "strict", "quiescent",
                                      "safe point"};
  for (int each = HP_IMMEDIATE; each <= HP_SAFEPOINT; each++) {
    pthread_t callers[2];
    long bad[2] = {0};
    int left = 0;
    printf("# level: %s\n", names[each]);
    level = (hp_level)each;
    stop = 0;
    for (int i = 0; i < 2; i++)
      pthread_create(&callers[i], NULL, call, &bad[i]);
    others_run_during_hooks();
    changers_take_turns();
    __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
    for (int i = 0; i < 2; i++)
      pthread_join(callers[i], NULL);
    OK(bad[0] + bad[1] == 0, "every call was old or new");
    hp_patch_each(nothing, &left);
    OK(left == 0 && first(1) == 2 && second(1) == 3, "nothing is left");
  }
  return done_testing();
}
