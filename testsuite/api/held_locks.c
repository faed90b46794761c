/* Threads that are stopped while they hold the locks of malloc, of stdio and of
 * the dynamic linker: the library must not wait for any of these until they run
 * again.
 *
 *   held_locks [SECONDS]    how long to wait until it is stuck, 100
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <hotpatch.h>

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "testsuite/lib/far_code.h"
#include "testsuite/lib/tap.h"
#include "testsuite/lib/three_functions.h"

static int (*far_one)(int);

/* --- Memory, with one lock for all ----------------------------------------
 */

void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* memory, size_t size);
void __libc_free(void* memory);

/* A thread that stops the others blocks all signals until they go on, and no
 * other thread does: to be stuck here takes luck, which this does not. */
static __thread int committing;
static int asked_while_all_stood;
static void look_who_asks(void)
{
  sigset_t blocked;
  if (committing && pthread_sigmask(SIG_BLOCK, NULL, &blocked) == 0 &&
      sigismember(&blocked, SIGUSR1))
    asked_while_all_stood++;
}

static int memory_lock;
static void lock_memory(void)
{
  look_who_asks();
  while (__atomic_exchange_n(&memory_lock, 1, __ATOMIC_ACQUIRE) != 0)
    sched_yield();
}
static void unlock_memory(void)
{
  __atomic_store_n(&memory_lock, 0, __ATOMIC_RELEASE);
}

void* malloc(size_t size)
{
  lock_memory();
  void* memory = __libc_malloc(size);
  unlock_memory();
  return memory;
}
void* calloc(size_t count, size_t size)
{
  lock_memory();
  void* memory = __libc_calloc(count, size);
  unlock_memory();
  return memory;
}
void* realloc(void* memory, size_t size)
{
  lock_memory();
  void* larger = __libc_realloc(memory, size);
  unlock_memory();
  return larger;
}
void free(void* memory)
{
  lock_memory();
  __libc_free(memory);
  unlock_memory();
}

/* --- Threads that hold locks most of the time ------------------------------
 */

static int stop;
static int started;

static void be_busy(long microseconds)
{
  struct timespec now;
  struct timespec start;
  clock_gettime(CLOCK_MONOTONIC, &start);
  do
    clock_gettime(CLOCK_MONOTONIC, &now);
  while ((now.tv_sec - start.tv_sec) * 1000000 +
             (now.tv_nsec - start.tv_nsec) / 1000 <
         microseconds);
}

static int goes_on(void)
{
  usleep(20);
  return !__atomic_load_n(&stop, __ATOMIC_RELAXED);
}
static void begun(void)
{
  __atomic_add_fetch(&started, 1, __ATOMIC_RELAXED);
}

static void* hold_memory(void* data)
{
  begun();
  while (goes_on()) {
    lock_memory();
    be_busy(500);
    unlock_memory();
  }
  return data;
}
static void* hold_standard_error(void* data)
{
  begun();
  while (goes_on()) {
    flockfile(stderr);
    be_busy(500);
    funlockfile(stderr);
  }
  return data;
}
static void* hold_the_linker(void* data)
{
  begun();
  while (goes_on()) {
    void* object = dlopen("libm.so.6", RTLD_NOW | RTLD_LOCAL);
    if (object != NULL && dlsym(object, "no such symbol") == NULL)
      dlclose(object);
  }
  return data;
}

/* --- Changes ---------------------------------------------------------------
 */

static const char* agree(const hp_patch_info* patch)
{
  (void)patch;
  return NULL;
}
static void note(hp_log_level level, const char* message, void* data)
{
  (void)level;
  *(size_t*)data += strlen(message);
}

static hp_status apply_both(hp_level level)
{
  const hp_commit_options options = {sizeof(hp_commit_options), level, 0,
                                     60000};
  hp_patch_info info = {0};
  hp_transaction* all = hp_begin();
  info.name = "both";
  info.before_apply = agree;
  hp_add_patch(all, &info);
  hp_add_apply(all, "first", far_one);
  hp_add_apply(all, "second", times_ten);
  return hp_commit(all, &options);
}
static hp_status remove_both(hp_level level)
{
  const hp_commit_options options = {sizeof(hp_commit_options), level, 0,
                                     60000};
  hp_transaction* all = hp_begin();
  hp_add_remove_patch(all, "both");
  return hp_commit(all, &options);
}

static int complain(void)
{
  printf("# %s\n", hp_error_message());
  fflush(stdout);
  return 1;
}

static int change_all_the_time(hp_level level)
{
  enum { rounds = 100, count = 3 };
  void* (*const bodies[])(void*) = {hold_memory, hold_standard_error,
                                    hold_the_linker};
  pthread_t threads[count];
  size_t logged = 0;
  for (int i = 0; i < count; i++)
    if (pthread_create(&threads[i], NULL, bodies[i], NULL) != 0)
      return 1;
  while (__atomic_load_n(&started, __ATOMIC_RELAXED) < count)
    usleep(1000);
  hp_set_log(note, &logged);
  committing = 1;
  for (int i = 0; i < rounds; i++) {
    if (apply_both(level) != HP_OK || first(1) != 3 || second(1) != 10)
      return complain();
    if (remove_both(level) != HP_OK || first(1) != 2 || second(1) != 3)
      return complain();
  }
  committing = 0;
  __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
  for (int i = 0; i < count; i++)
    pthread_join(threads[i], NULL);
  printf("# memory was asked for %d times while all stood\n",
         asked_while_all_stood);
  fflush(stdout);
  return logged == 0 || asked_while_all_stood != 0;
}

/* A thread that stops the others takes no signals until they go on, not even
 * an alarm. */
static void in_time(hp_level level, unsigned seconds, const char* name)
{
  int status = 0;
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    _exit(change_all_the_time(level));
  }
  for (unsigned i = 0; waitpid(child, &status, WNOHANG) == 0; i++) {
    usleep(10000);
    if (i == seconds * 100)
      kill(child, SIGKILL);
  }
  if (WIFSIGNALED(status))
    printf("# ended by signal %d\n", WTERMSIG(status));
  OK(WIFEXITED(status) && WEXITSTATUS(status) == 0, name);
}

int main(int argc, char** argv)
{
  const unsigned seconds = argc > 1 ? (unsigned)atoi(argv[1]) : 100;
  far_one = far_times_three();
  in_time(HP_QUIESCENT, seconds, "quiescent: those who stand may hold locks");
  in_time(HP_SAFEPOINT, seconds, "safe point: as well");
  in_time(HP_STRICT, seconds, "strict: as well");
  return done_testing();
}
