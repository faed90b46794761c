/* When a shared object with replacements may be unloaded.
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <hotpatch.h>

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <ucontext.h>

#include "testsuite/lib/faulty_system.h"
#include "testsuite/lib/tap.h"

HP_PATCHABLE int answer(int x)
{
  return x + 1;
}

typedef int (*function)(int);
typedef hp_status (*releaser)(const void* code);

static char path[4096];

static void* load(void)
{
  void* object = dlopen(path, RTLD_NOW);
  if (object == NULL)
    printf("# %s\n", dlerror());
  return object;
}
static function symbol(void* object, const char* name)
{
  return (function)(uintptr_t)dlsym(object, name);
}
static int loaded(void)
{
  void* object = dlopen(path, RTLD_NOW | RTLD_NOLOAD);
  if (object != NULL)
    dlclose(object);
  return object != NULL;
}
static const void* code_of(function in)
{
  return (const void*)(uintptr_t)in;
}

static void rest(void)
{
  const struct timespec millisecond = {0, 1000000};
  nanosleep(&millisecond, NULL);
}

/* --- Who leads there -------------------------------------------------------
 */

static void a_replacement_keeps_it(void)
{
  void* object = load();
  const function replacement = symbol(object, "replacement");
  IS(hp_apply("answer", replacement), HP_OK, "a replacement from an object");
  dlclose(object);
  IS(hp_release(code_of(replacement), 0), HP_NEEDED, "keeps it");
  SAYS("answer is replaced", "and is named");
  IS(hp_revert("answer"), HP_OK, "reverted");
  OK(loaded(), "the library keeps it still");
  for (int i = 0; i < 50; i++)
    if (hp_apply("answer", replacement) != HP_OK || answer(1) != 500 ||
        hp_revert("answer") != HP_OK)
      OK(0, "applied and reverted again");
  IS(hp_release(code_of(replacement), 5000), HP_OK, "until it is released");
  OK(!loaded(), "however often it was applied");
  OK(answer(1) == 2, "the original runs");
}

static void hooks_keep_it(void)
{
  void* object = load();
  const function replacement = symbol(object, "replacement");
  hp_patch_info info = {0};
  hp_transaction* all = hp_begin();
  info.name = "hooked";
  info.after_revert = (hp_after_hook)(uintptr_t)dlsym(object, "hook");
  hp_add_patch(all, &info);
  IS(hp_commit(all, NULL), HP_OK, "a patch with a hook in an object");
  dlclose(object);
  IS(hp_release(code_of(replacement), 0), HP_NEEDED, "keeps it");
  SAYS("patch \"hooked\"", "and is named");
  IS(hp_remove_patch("hooked"), HP_OK, "taken away, with its hook");
  IS(hp_release(code_of(replacement), 5000), HP_OK, "it may be released");
  OK(!loaded(), "and is gone");
}

/* Where others load the machine, a thread may not get to run in that time,
 * which says nothing about where it is. */
static hp_status try_release(function replacement)
{
  for (;;) {
    const hp_status status = hp_release(code_of(replacement), 50);
    if (status != HP_BUSY ||
        strstr(hp_error_message(), "did not stop in time") == NULL)
      return status;
  }
}

/* --- Who is inside ---------------------------------------------------------
 */

static void* call_answer(void* data)
{
  *(int*)data = answer(2);
  return NULL;
}

static void a_thread_keeps_it(void)
{
  void* object = load();
  const function replacement = symbol(object, "waiting");
  int* state = dlsym(object, "state");
  int result = 0;
  pthread_t thread;
  IS(hp_apply("answer", replacement), HP_OK, "a replacement that waits");
  pthread_create(&thread, NULL, call_answer, &result);
  while (__atomic_load_n(state, __ATOMIC_ACQUIRE) != 1)
    rest();
  IS(hp_revert("answer"), HP_OK, "is reverted while a thread is inside");
  dlclose(object);
  IS(try_release(replacement), HP_BUSY, "it cannot be released");
  SAYS("thread", "and the thread is named");
  OK(loaded(), "and stays");
  __atomic_store_n(state, 2, __ATOMIC_RELEASE);
  pthread_join(thread, NULL);
  OK(result == 1000, "the thread leaves it");
  IS(hp_release(code_of(replacement), 5000), HP_OK, "and it may be released");
  OK(!loaded(), "and is gone");
}

static void the_caller_keeps_it(void)
{
  void* object = load();
  const releaser release = (releaser)(uintptr_t)dlsym(object, "release");
  IS(release(code_of(symbol(object, "replacement"))), HP_BUSY,
     "a function that releases itself");
  dlclose(object);
  OK(!loaded(), "an object that was not used has no reference");
}

/* A thread that stands between the patch word and the replacement: it steps
 * through the call, and its handler holds it in the pad. */
static hp_site site;
static int pad_state; /* 1: stands there, 2: may go on */

static void step(int number, siginfo_t* information, void* data)
{
  ucontext_t* context = data;
  const char* at = (const char*)context->uc_mcontext.gregs[REG_RIP];
  (void)number, (void)information;
  if (at >= (const char*)site.symbol || (const char*)site.symbol - at > 8)
    return;
  __atomic_store_n(&pad_state, 1, __ATOMIC_RELEASE);
  while (__atomic_load_n(&pad_state, __ATOMIC_ACQUIRE) != 2)
    rest();
  context->uc_mcontext.gregs[REG_EFL] &= ~0x100; /* the trap flag */
}

static void* step_into_answer(void* data)
{
  __asm__ volatile("pushfq\n\torq $0x100, (%%rsp)\n\tpopfq" ::: "memory", "cc");
  *(int*)data = answer(2);
  return NULL;
}

static void the_pad_keeps_it(void)
{
  void* object = load();
  const function replacement = symbol(object, "replacement");
  struct sigaction action = {0};
  int result = 0;
  pthread_t thread;
  action.sa_sigaction = step;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGTRAP, &action, NULL);
  IS(hp_apply("answer", replacement), HP_OK, "a far replacement");
  IS(hp_site_find("answer", &site), HP_OK, "of a site");
  if (*(const unsigned char*)site.word != 0xeb) {
    SKIP("a thread on its way keeps it", "the object is near");
    hp_revert("answer");
    dlclose(object);
    return;
  }
  pthread_create(&thread, NULL, step_into_answer, &result);
  while (__atomic_load_n(&pad_state, __ATOMIC_ACQUIRE) != 1)
    rest();
  IS(hp_revert("answer"), HP_OK, "reverted while a thread is on its way there");
  dlclose(object);
  IS(try_release(replacement), HP_BUSY, "it cannot be released");
  OK(loaded(), "and stays");
  __atomic_store_n(&pad_state, 2, __ATOMIC_RELEASE);
  pthread_join(thread, NULL);
  OK(result == 1000, "the thread arrives");
  IS(hp_release(code_of(replacement), 5000), HP_OK, "it may be released");
  OK(!loaded(), "and is gone");
}

/* --- Under load ------------------------------------------------------------
 */

static int stop;
static void* call_all_the_time(void* data)
{
  long* bad = data;
  while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
    const int result = answer(1);
    *bad += result != 2 && result != 500;
  }
  return NULL;
}

static void under_load(void)
{
  pthread_t threads[3];
  long bad[3] = {0};
  int good = 1;
  for (int i = 0; i < 3; i++)
    pthread_create(&threads[i], NULL, call_all_the_time, &bad[i]);
  for (int round = 0; good && round < 100; round++) {
    void* object = load();
    const function replacement = symbol(object, "replacement");
    good = hp_apply("answer", replacement) == HP_OK &&
           hp_revert("answer") == HP_OK;
    dlclose(object);
    good =
        good && hp_release(code_of(replacement), 10000) == HP_OK && !loaded();
    if (!good)
      printf("# round %d: %s\n", round, hp_error_message());
  }
  __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
  for (int i = 0; i < 3; i++)
    pthread_join(threads[i], NULL);
  OK(good, "loaded, applied, reverted, released, a hundred times");
  OK(bad[0] + bad[1] + bad[2] == 0, "while threads call the function");
}

/* --- A system that fails ----------------------------------------------------
 */

/* After every failure the object is there, and can be released later. */
static void every_fault(enum fault kind, const char* name)
{
  long failures = 0;
  int good = 1;
  int hit = 1;
  failing = kind;
  for (long number = 1; good && hit; number++) {
    void* object = load();
    const function replacement = symbol(object, "replacement");
    good = hp_apply("answer", replacement) == HP_OK &&
           hp_revert("answer") == HP_OK;
    dlclose(object);
    const int possible = begin_faults(number);
    const hp_status status = hp_release(code_of(replacement), 1000);
    hit = end_faults();
    if (!possible) {
      SKIP(name, "the kernel does not hand system calls over");
      return;
    }
    if (status != HP_OK) {
      failures++;
      good = good && hit && loaded() && *hp_error_message() != '\0' &&
             hp_release(code_of(replacement), 10000) == HP_OK;
    }
    good = good && !loaded();
    if (!good)
      printf("# fault %ld: %s\n", number, hp_error_message());
  }
  printf("# %ld releases failed\n", failures);
  OK(good, name);
}

static void failures(void)
{
  every_fault(allocations, "an allocation fails");
  every_fault(mmaps, "mmap fails");
  every_fault(opens, "open fails");
  every_fault(system_calls, "a system call fails");
}

static void arguments(void)
{
  IS(hp_release(NULL, 0), HP_INVALID, "null");
  IS(hp_release(path, 0), HP_INVALID, "data of the program");
  IS(hp_release(code_of(answer), 0), HP_INVALID, "the program itself");
  SAYS("until the process ends", "which is never unloaded");
  IS(hp_release((const void*)(uintptr_t)hp_version, 0), HP_INVALID,
     "the library itself");
  IS(hp_release((const void*)8, 0), HP_INVALID, "nothing");
  SAYS("no loaded object", "is told so");
}

int main(int argc, char** argv)
{
  if (argc < 2)
    return 99;
  snprintf(path, sizeof path, "%s/object.so", argv[1]);
  if (argc > 2 && strcmp(argv[2], "pad") == 0) {
    the_pad_keeps_it();
    return done_testing();
  }
  arguments();
  a_replacement_keeps_it();
  hooks_keep_it();
  a_thread_keeps_it();
  the_caller_keeps_it();
  the_pad_keeps_it();
  failures();
  under_load();
  return done_testing();
}
