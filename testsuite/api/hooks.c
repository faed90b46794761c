/* Hooks of named patches: when they are called, what they may do, and what
 * becomes of a transaction that one of them, or the system, refuses.
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <hotpatch.h>

#include <pthread.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include "testsuite/lib/tap.h"
#include "testsuite/lib/three_functions.h"

/* --- What the hooks have seen --------------------------------------------- */

/* "+a" before and "a+" after apply, "-a" and "a-" before and after revert, each
 * with what first(1) was then. */
static char seen[1024];
static const char* veto_before; /* "+a": that one refuses */
static pthread_t caller;
static int wrong_thread;

static const char* note(const char* before, const hp_patch_info* patch,
                        const char* after)
{
  const size_t used = strlen(seen);
  char mark[64];
  snprintf(mark, sizeof mark, "%s%s%u%s", before, patch->name, patch->version,
           after);
  wrong_thread |= !pthread_equal(caller, pthread_self());
  snprintf(seen + used, sizeof seen - used, "%s%s=%d", used != 0 ? " " : "",
           mark, first(1));
  return veto_before != NULL && strcmp(mark, veto_before) == 0 ? "not today"
                                                               : NULL;
}
static const char* before_apply(const hp_patch_info* patch)
{
  return note("+", patch, "");
}
static void after_apply(const hp_patch_info* patch)
{
  note("", patch, "+");
}
static const char* before_revert(const hp_patch_info* patch)
{
  return note("-", patch, "");
}
static void after_revert(const hp_patch_info* patch)
{
  note("", patch, "-");
}

static void saw(const char* expected, const char* name)
{
  OK(strcmp(seen, expected) == 0, name);
  if (strcmp(seen, expected) != 0)
    printf("# saw %s, not %s\n", seen, expected);
  seen[0] = '\0';
}

static void add(hp_transaction* all, const char* name, uint32_t version)
{
  hp_patch_info info = {0};
  info.name = name;
  info.version = version;
  info.before_apply = before_apply;
  info.after_apply = after_apply;
  info.before_revert = before_revert;
  info.after_revert = after_revert;
  IS(hp_add_patch(all, &info), HP_OK, "a patch is added");
}

static hp_status finish(hp_transaction* all, hp_level level)
{
  const hp_commit_options options = {sizeof(hp_commit_options), level, 0, 1000};
  const hp_status status = hp_commit(all, &options);
  if (status != HP_OK)
    hp_abort(all);
  return status;
}

/* --- When they are called ------------------------------------------------- */

static void order(hp_level level)
{
  hp_transaction* all = hp_begin();
  add(all, "a", 1);
  hp_add_apply(all, "first", times_ten);
  add(all, "b", 1);
  hp_add_apply(all, "second", times_ten);
  IS(finish(all, level), HP_OK, "two patches come");
  saw("+a1=2 +b1=2 a1+=10 b1+=10", "before and after");

  all = hp_begin();
  add(all, "a", 2);
  hp_add_apply(all, "first", times_twenty);
  IS(finish(all, level), HP_OK, "one takes the place of its older version");
  saw("-a1=10 +a2=10 a1-=20 a2+=20", "both are told");

  all = hp_begin();
  add(all, "c", 1);
  hp_add_apply(all, "second", times_twenty);
  hp_add_remove_patch(all, "c");
  IS(finish(all, level), HP_OK, "one comes and goes in one transaction");
  saw("", "no hook is called");

  all = hp_begin();
  hp_add_revert_all(all);
  IS(finish(all, level), HP_OK, "all go");
  saw("-a2=20 -b1=20 a2-=2 b1-=2", "the newest first");
  OK(!wrong_thread, "in the thread that commits");
}

/* --- Refusals --------------------------------------------------------------
 */

static void vetoes(void)
{
  hp_transaction* all = hp_begin();
  add(all, "a", 1);
  hp_add_apply(all, "first", times_ten);
  add(all, "b", 1);
  veto_before = "+b1";
  IS(hp_commit(all, NULL), HP_VETOED, "a hook refuses");
  SAYS("\"b\" (version 1)", "and is named");
  SAYS("not today", "with its reason");
  saw("+a1=2 +b1=2 a1-=2", "who had consented is told that it is off");
  OK(first(1) == 2, "nothing has changed");
  veto_before = NULL;
  IS(hp_commit(all, NULL), HP_OK, "later the same transaction succeeds");
  saw("+a1=2 +b1=2 a1+=10 b1+=10", "with all hooks");

  veto_before = "-a1";
  IS(hp_revert_all(), HP_VETOED, "a hook refuses to go");
  saw("-b1=10 -a1=10 b1+=10", "who had consented stays");
  IS(hp_remove_patch("a"), HP_VETOED, "nor alone");
  saw("-a1=10", "and had been asked");
  OK(first(1) == 10, "nothing has changed");
  veto_before = NULL;
  IS(hp_remove_patch("b"), HP_OK, "another one goes");
  IS(hp_remove_patch("a"), HP_OK, "and so does this one");
  seen[0] = '\0';
}

/* A hook takes away what a later step wanted to revert: the commit fails after
 * the hooks were asked. */
static const char* spoil(const hp_patch_info* patch)
{
  (void)patch;
  return hp_revert("second") == HP_OK ? NULL : "cannot spoil it";
}
static void fail_too(const hp_patch_info* patch)
{
  *(hp_status*)patch->data = hp_revert("nobody");
}
static void failures(hp_level level)
{
  hp_transaction* all = hp_begin();
  hp_patch_info info = {0};
  hp_status inner = HP_OK;
  IS(hp_apply("second", times_ten), HP_OK, "a replacement");
  add(all, "a", 1);
  hp_add_apply(all, "first", times_ten);
  info.name = "spoiler";
  info.before_apply = spoil;
  info.after_revert = fail_too;
  info.data = &inner;
  hp_add_patch(all, &info);
  hp_add_revert(all, "second");
  IS(finish(all, level), HP_NOT_APPLIED, "the commit itself fails");
  IS(inner, HP_NOT_FOUND, "a hook that ends it fails, too");
  SAYS("second: has no replacement", "the message is the commit's");
  saw("+a1=2 a1-=2", "who had consented is told that it is off");
  OK(first(1) == 2 && second(1) == 3, "nothing has changed");
  IS(hp_remove_patch("a"), HP_NOT_APPLIED, "nor is noted");
}

/* --- What a hook may do ----------------------------------------------------
 */

static hp_status in_hook[6];
static int visited;
static int visit(const hp_patch* patch, void* data)
{
  (void)patch, (void)data;
  return visited++;
}
static const char* use_library(const hp_patch_info* patch)
{
  const hp_commit_options quiescent = {sizeof(hp_commit_options), HP_QUIESCENT,
                                       0, 1000};
  hp_site site;
  hp_transaction* all = hp_begin();
  in_hook[0] = hp_remove_patch(patch->name);
  in_hook[1] = hp_revert_all();
  in_hook[2] = hp_site_find("second", &site);
  in_hook[3] = hp_patch_each(visit, NULL);
  hp_add_apply(all, "second", times_twenty);
  in_hook[4] = hp_commit(all, &quiescent);
  in_hook[5] = hp_revert("second");
  return NULL;
}

static void freedom(void)
{
  hp_transaction* all = hp_begin();
  hp_patch_info info = {0};
  info.name = "user";
  info.before_apply = info.before_revert = use_library;
  hp_add_patch(all, &info);
  for (int times = 0; times < 2; times++) {
    if (times == 0)
      IS(hp_commit(all, NULL), HP_OK, "with a hook that uses the library");
    else
      IS(hp_remove_patch("user"), HP_OK, "and when it goes");
    IS(in_hook[0], HP_BUSY, "no named patch is changed");
    IS(in_hook[1], HP_BUSY, "nor all of them");
    IS(in_hook[2], HP_OK, "sites can be looked at");
    IS(in_hook[3], HP_OK, "and patches");
    IS(in_hook[4], HP_OK, "functions can be replaced, at any level");
    IS(in_hook[5], HP_OK, "and reverted");
    memset(in_hook, 0, sizeof in_hook);
  }
  OK(visited == 1, "while it comes it is not there, while it goes it is");
}

/* --- Threads and processes -------------------------------------------------
 */

static int entered;
static void* remove_it(void* data)
{
  (void)data;
  return (void*)(uintptr_t)hp_remove_patch("slow");
}
static pthread_t remover;
static void start_remover(const hp_patch_info* patch)
{
  (void)patch;
  pthread_create(&remover, NULL, remove_it, NULL);
  /* Long enough to find out if it does not wait. */
  usleep(50000);
  OK(__atomic_load_n(&entered, __ATOMIC_ACQUIRE) == 0,
     "another thread's transaction waits for the hooks");
}
static void count_entry(const hp_patch_info* patch)
{
  (void)patch;
  __atomic_add_fetch(&entered, 1, __ATOMIC_ACQ_REL);
}

static void others_wait(void)
{
  hp_transaction* all = hp_begin();
  hp_patch_info info = {0};
  void* status = NULL;
  info.name = "slow";
  info.after_apply = start_remover;
  info.after_revert = count_entry;
  hp_add_patch(all, &info);
  IS(hp_commit(all, NULL), HP_OK, "a patch comes");
  pthread_join(remover, &status);
  IS((hp_status)(uintptr_t)status, HP_OK, "and goes, by another thread");
  OK(entered == 1, "when its turn has come");
}

/* A hook that waits for a thread that waits for the hook's transaction. */
static void* commit_in_time(void* data)
{
  const hp_commit_options options = {sizeof(hp_commit_options), HP_IMMEDIATE, 0,
                                     100};
  hp_transaction* all = hp_begin();
  add(all, "impatient", 1);
  const hp_status status = hp_commit(all, &options);
  snprintf(data, 512, "%s", hp_error_message());
  hp_abort(all);
  return (void*)(uintptr_t)status;
}
static const char* wait_for_another(const hp_patch_info* patch)
{
  pthread_t thread;
  void* status = NULL;
  pthread_create(&thread, NULL, commit_in_time, patch->data);
  pthread_join(thread, &status);
  return (hp_status)(uintptr_t)status == HP_BUSY ? NULL : "it was not busy";
}
static void nobody_waits_for_ever(void)
{
  static char words[512];
  hp_transaction* all = hp_begin();
  hp_patch_info info = {0};
  info.name = "waiting";
  info.data = words;
  info.before_apply = wait_for_another;
  pthread_setname_np(pthread_self(), "patient");
  hp_add_patch(all, &info);
  IS(hp_commit(all, NULL), HP_OK, "a hook waits for another transaction");
  OK(strstr(words, "(patient)") != NULL, "which gives up, and says whose turn");
  IS(hp_remove_patch("waiting"), HP_OK, "gone");
}

static const char* fork_in_hook(const hp_patch_info* patch)
{
  *(pid_t*)patch->data = fork();
  return NULL;
}
static void forks(void)
{
  const pid_t parent = getpid();
  pid_t child = -1;
  int status = 0;
  hp_transaction* all = hp_begin();
  hp_patch_info info = {0};
  info.name = "forking";
  info.before_apply = fork_in_hook;
  info.data = &child;
  hp_add_patch(all, &info);
  hp_add_apply(all, "first", times_ten);
  const hp_status result = hp_commit(all, NULL);
  const hp_status removed = hp_remove_patch("forking");
  if (getpid() != parent)
    _exit(result == HP_OK && removed == HP_OK ? 0 : 1);
  waitpid(child, &status, 0);
  OK(child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0,
     "a hook forks: the child goes on");
  OK(result == HP_OK && removed == HP_OK, "and so does the parent");
}

static const char* point_of_cancellation(const hp_patch_info* patch)
{
  (void)patch;
  usleep(1000);
  return NULL;
}
static void* be_cancelled(void* data)
{
  hp_transaction* all = hp_begin();
  hp_patch_info info = {0};
  info.name = "cancelled";
  info.before_apply = point_of_cancellation;
  hp_add_patch(all, &info);
  pthread_cancel(pthread_self());
  *(hp_status*)data = hp_commit(all, NULL);
  pthread_testcancel();
  return NULL;
}
static void cancellation(void)
{
  hp_status status = HP_INTERNAL;
  void* result = NULL;
  pthread_t thread;
  pthread_create(&thread, NULL, be_cancelled, &status);
  pthread_join(thread, &result);
  IS(status, HP_OK, "a cancelled thread ends its transaction first");
  OK(result == PTHREAD_CANCELED, "and is cancelled after that");
  IS(hp_remove_patch("cancelled"), HP_OK, "the turn is free");
}

int main(void)
{
  caller = pthread_self();
  for (int level = HP_IMMEDIATE; level <= HP_SAFEPOINT; level++) {
    order((hp_level)level);
    failures((hp_level)level);
  }
  vetoes();
  freedom();
  others_wait();
  nobody_waits_for_ever();
  forks();
  cancellation();
  return done_testing();
}
