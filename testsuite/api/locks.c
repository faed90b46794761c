/* Threads take every lock of the library while another one forks: each child
 * can use all of the library, and no thread takes locks out of order, which the
 * library itself checks where locks.sh links it with its checks.
 *
 *   locks DIRECTORY    an empty one, for control sockets: an absolute path
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <hotpatch.h>

#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "testsuite/lib/tap.h"
#include "testsuite/lib/three_functions.h"

enum { forks = 60, rounds_of_child = 2 };

static int ended;
static int rounds[6];
static char stack_of_fiber[4096];
static char path[4096];

static hp_patch_info patch = {.name = "patch"};

/* --- What takes locks ------------------------------------------------------
 */

static const char* begin(const hp_patch_info* info)
{
  (void)info;
  return hp_thread_register() == HP_OK ? NULL : "no memory";
}
static void end(const hp_patch_info* info)
{
  (void)info;
  hp_thread_unregister();
}

static hp_status change(hp_level level)
{
  const hp_commit_options options = {
      .size = sizeof(hp_commit_options), .level = level, .timeout_ms = 2000};
  hp_transaction* steps = hp_begin();
  hp_add_apply(steps, "first", times_ten);
  hp_status status = hp_commit(steps, &options);
  if (status != HP_OK) {
    hp_abort(steps);
    return status;
  }
  return hp_revert("first");
}

static hp_status at_safe_points(void)
{
  return change(HP_SAFEPOINT);
}
static hp_status quiescent(void)
{
  return change(HP_QUIESCENT);
}
static hp_status named(void)
{
  hp_transaction* steps = hp_begin();
  hp_add_patch(steps, &patch);
  hp_add_apply(steps, "second", times_ten);
  const hp_status status = hp_commit(steps, NULL);
  if (status != HP_OK) {
    hp_abort(steps);
    return status;
  }
  return hp_remove_patch("patch");
}
static hp_status announced(void)
{
  const hp_status status =
      hp_stack_announce(stack_of_fiber, sizeof stack_of_fiber);
  return status == HP_OK ? hp_stack_withdraw(stack_of_fiber) : status;
}
static hp_status offered(void)
{
  const hp_status status = hp_control_open(path);
  return status == HP_OK ? hp_control_close() : status;
}
static void hear(hp_log_level level, const char* message, void* data)
{
  (void)level;
  (void)message;
  (void)data;
}
static hp_status logged(void)
{
  hp_set_log(hear, NULL);
  (void)hp_revert("third"); /* is not replaced, which is logged */
  hp_set_log(NULL, NULL);
  return HP_OK;
}

static hp_status (*const calls[])(void) = {
    at_safe_points, quiescent, named, announced, offered, logged,
};
enum { all_calls = sizeof calls / sizeof *calls };

static void* repeat(void* data)
{
  const long which = (long)data;
  while (!__atomic_load_n(&ended, __ATOMIC_ACQUIRE))
    if (calls[which]() == HP_OK)
      __atomic_fetch_add(&rounds[which], 1, __ATOMIC_RELEASE);
  return NULL;
}

/* --- Forking meanwhile -----------------------------------------------------
 */

/* Which call failed, counted from one. */
static int child(void)
{
  alarm(60);
  snprintf(path + strlen(path), 16, "-%d", (int)getpid());
  for (int round = 0; round < rounds_of_child; round++)
    for (int i = 0; i < all_calls; i++) {
      /* What a thread of the parent has applied is applied here, too. */
      (void)hp_revert_all();
      (void)hp_stack_withdraw(stack_of_fiber);
      if (calls[i]() != HP_OK) {
        printf("# call %d: %s\n", i, hp_error_message());
        return i + 1;
      }
    }
  return 0;
}

int main(int argc, char** argv)
{
  pthread_t threads[all_calls];
  int healthy = 0;
  int last = 0;
  if (argc < 2)
    return 99;
  snprintf(path, sizeof path - 16, "%s/socket", argv[1]);
  patch.before_apply = begin;
  patch.after_revert = end;
  for (int i = 0; i < all_calls; i++)
    IS(calls[i](), HP_OK, "the call works alone");
  if (tap_failed)
    return done_testing();
  for (long i = 0; i < all_calls; i++)
    if (pthread_create(&threads[i], NULL, repeat, (void*)i) != 0)
      return 99;
  for (int i = 0; i < all_calls; i++)
    while (__atomic_load_n(&rounds[i], __ATOMIC_ACQUIRE) == 0)
      usleep(1000);
  for (int i = 0; i < forks && healthy == i; i++) {
    const pid_t one = fork();
    if (one == 0) {
      const int failed = child();
      fflush(stdout);
      _exit(failed);
    }
    waitpid(one, &last, 0);
    healthy += last == 0;
  }
  __atomic_store_n(&ended, 1, __ATOMIC_RELEASE);
  for (int i = 0; i < all_calls; i++)
    pthread_join(threads[i], NULL);
  OK(healthy == forks, "each child can use all of the library");
  printf("# the last child's status is %#x\n", (unsigned)last);
  return done_testing();
}
