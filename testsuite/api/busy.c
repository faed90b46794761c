/* Threads that are inside a function which is to change.
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <hotpatch.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "testsuite/lib/tap.h"

static sem_t inside;
static sem_t leave;
static volatile pid_t sleeper_id;

static void sleep_here(void)
{
  sleeper_id = (pid_t)syscall(SYS_gettid);
  sem_post(&inside);
  while (sem_wait(&leave) != 0) {
  }
}

HP_PATCHABLE int nap(int x)
{
  sleep_here();
  return x + 1;
}
static int long_nap(int x)
{
  sleep_here();
  return x + 2;
}
static int no_nap(int x)
{
  return x + 3;
}
static int (*volatile replacement)(int) = no_nap;

static hp_status change_nap(int (*to)(int), hp_level level, unsigned timeout)
{
  const hp_commit_options options = {sizeof(hp_commit_options), level, 0,
                                     timeout};
  hp_transaction* all = hp_begin();
  if (to != NULL)
    hp_add_apply(all, "nap", to);
  else
    hp_add_revert_all(all);
  const hp_status status = hp_commit(all, &options);
  if (status != HP_OK)
    hp_abort(all);
  return status;
}

static void* take_a_nap(void* result)
{
  pthread_setname_np(pthread_self(), "sleeper");
  *(int*)result = nap(10);
  return NULL;
}

static pthread_t fall_asleep(int* result)
{
  pthread_t thread;
  pthread_create(&thread, NULL, take_a_nap, result);
  while (sem_wait(&inside) != 0) {
  }
  return thread;
}

static void wake_up(pthread_t thread)
{
  sem_post(&leave);
  pthread_join(thread, NULL);
}

static void* wake_up_soon(void* data)
{
  (void)data;
  usleep(300000);
  sem_post(&leave);
  return NULL;
}

static void a_sleeper(void)
{
  hp_site site;
  char thread_number[16];
  int result = 0;
  pthread_t waker;
  IS(hp_site_find("nap", &site), HP_OK, "where the function is");
  pthread_t sleeper = fall_asleep(&result);
  IS(change_nap(no_nap, HP_QUIESCENT, 50), HP_BUSY,
     "a thread sleeps in the original");
  SAYS("(sleeper)", "the message has its name");
  snprintf(thread_number, sizeof thread_number, "%d", (int)sleeper_id);
  SAYS(thread_number, "its number");
  SAYS("nap", "and the function");
  const char* const address = strstr(hp_error_message(), "0x");
  const uintptr_t there = address != NULL ? strtoul(address, NULL, 16) : 0;
  OK(there > (uintptr_t)site.word && there < (uintptr_t)site.end,
     "and where in it");
  IS(hp_revert("nap"), HP_NOT_APPLIED, "nothing was changed");
  pthread_create(&waker, NULL, wake_up_soon, NULL);
  IS(change_nap(no_nap, HP_QUIESCENT, 60000), HP_OK, "as soon as it leaves");
  pthread_join(waker, NULL);
  pthread_join(sleeper, NULL);
  OK(result == 11, "having run the original to its end");
  OK(nap(10) == 13, "the replacement is active");
  IS(change_nap(NULL, HP_QUIESCENT, 1000), HP_OK, "and gone");

  sleeper = fall_asleep(&result);
  IS(change_nap(no_nap, HP_IMMEDIATE, 0), HP_OK,
     "immediate does not wait for anybody");
  IS(change_nap(NULL, HP_STRICT, 0), HP_OK, "nor does strict");
  wake_up(sleeper);

  IS(hp_apply("nap", long_nap), HP_OK, "a replacement to sleep in");
  sleeper = fall_asleep(&result);
  IS(change_nap(NULL, HP_QUIESCENT, 50), HP_BUSY,
     "a thread sleeps in the replacement");
  SAYS("(sleeper)", "the message has its name");
  IS(change_nap(no_nap, HP_QUIESCENT, 0), HP_BUSY,
     "also if another one is to take its place");
  wake_up(sleeper);
  OK(result == 12, "it runs the replacement to its end");
  IS(change_nap(NULL, HP_QUIESCENT, 1000), HP_OK, "then it can be reverted");
}

static hp_status from_inside;
HP_PATCHABLE int changes_itself(int x)
{
  const hp_commit_options options = {sizeof(hp_commit_options), HP_QUIESCENT, 0,
                                     4000000000u};
  hp_transaction* all = hp_begin();
  hp_add_apply(all, "changes_itself", replacement);
  from_inside = hp_commit(all, &options);
  if (from_inside != HP_OK)
    hp_abort(all);
  return x;
}

/* Calls the library from inside a function that is to change: it must get the
 * lock between two attempts. */
static volatile int stop;
HP_PATCHABLE int asks(int x)
{
  return x + (int)hp_site_count();
}
static void* ask_for_ever(void* data)
{
  (void)data;
  while (!stop) {
    asks(1);
    usleep(20000);
  }
  return NULL;
}

static void callers(void)
{
  const hp_commit_options options = {sizeof(hp_commit_options), HP_QUIESCENT, 0,
                                     60000};
  hp_transaction* all = hp_begin();
  pthread_t asker;
  changes_itself(1);
  IS(from_inside, HP_BUSY, "a function cannot wait for its own end");
  SAYS("changes_itself", "and is named");
  pthread_create(&asker, NULL, ask_for_ever, NULL);
  hp_add_apply(all, "asks", no_nap);
  IS(hp_commit(all, &options), HP_OK, "a thread that calls the library inside");
  stop = 1;
  pthread_join(asker, NULL);
  IS(hp_revert_all(), HP_OK, "everything back");
}

static volatile int registered;
static void* never_at_a_safe_point(void* data)
{
  (void)data;
  pthread_setname_np(pthread_self(), "stubborn");
  hp_thread_register();
  registered = 1;
  while (registered)
    usleep(1000);
  hp_thread_unregister();
  return NULL;
}

static void safe_points(void)
{
  pthread_t thread;
  pthread_create(&thread, NULL, never_at_a_safe_point, NULL);
  while (!registered)
    usleep(1000);
  IS(change_nap(no_nap, HP_SAFEPOINT, 50), HP_BUSY,
     "a thread does not come to a safe point");
  SAYS("(stubborn)", "the message has its name");
  registered = 0;
  pthread_join(thread, NULL);
  IS(change_nap(no_nap, HP_SAFEPOINT, 0), HP_OK, "without it all is well");
  IS(hp_revert_all(), HP_OK, "everything back");
}

int main(void)
{
  sem_init(&inside, 0, 0);
  sem_init(&leave, 0, 0);
  a_sleeper();
  callers();
  safe_points();
  return done_testing();
}
