/* Where others write to text too, in forked children, far away, and with what
 * little the caller has.
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <hotpatch.h>

#include <errno.h>
#include <pthread.h>
#include <stdint.h>

#include "testsuite/hostile/child.h"
#include "testsuite/lib/far_code.h"
#include "testsuite/lib/own_text.h"
#include "testsuite/lib/poke.h"
#include "testsuite/lib/tap.h"

HP_PATCHABLE int answer(int x)
{
  return x + 1;
}
HP_PATCHABLE int counted(int x)
{
  return x + 2;
}
static int times_ten(int x)
{
  return x * 10;
}

static int toggles(void)
{
  return hp_apply("answer", times_ten) == HP_OK && answer(1) == 10 &&
         hp_revert("answer") == HP_OK && answer(1) == 2;
}

/* --- Breakpoints ---------------------------------------------------------- */

static void breakpoints(void)
{
  hp_site site;
  unsigned char before[8];
  IS(hp_site_find("answer", &site), HP_OK, "the word is found");
  const unsigned char first = *(const unsigned char*)site.word;
  poke(site.word, 0xcc); /* what a debugger and a uprobe do */
  memcpy(before, site.word, sizeof before);
  IS(hp_apply("answer", times_ten), HP_FOREIGN, "a breakpoint is foreign");
  OK(memcmp(before, site.word, sizeof before) == 0, "and stays untouched");
  SAYS("answer", "the message names the function");
  SAYS("cc 1f 84 00", "shows the bytes");
  SAYS("breakpoint", "and says what it may be");
  poke(site.word, first);
  OK(toggles(), "without it everything works");

  IS(hp_apply("answer", times_ten), HP_OK, "applied");
  poke(site.word, 0xcc);
  IS(hp_revert("answer"), HP_FOREIGN, "a breakpoint is not reverted either");
  poke(site.word, 0xe9);
  OK(answer(1) == 10, "the replacement is still active");
  IS(hp_revert("answer"), HP_OK, "reverted");
}

static int nowhere(const char* at)
{
  (void)at;
  return 0;
}

/* On one of several functions, none of which may change then. */
static void breakpoint_among_several(void)
{
  hp_site site;
  IS(hp_site_find("counted", &site), HP_OK, "the last function");
  const unsigned char first = *(const unsigned char*)site.word;
  poke(site.word, 0xcc);
  for (int level = HP_IMMEDIATE; level <= HP_SAFEPOINT; level++) {
    const hp_commit_options options = {sizeof(hp_commit_options),
                                       (hp_level)level, 0, 1000};
    hp_transaction* all = hp_begin();
    hp_add_apply(all, "answer", times_ten);
    hp_add_apply(all, "counted", times_ten);
    copy_text();
    IS(hp_commit(all, &options), HP_FOREIGN, "a breakpoint on one of several");
    SAYS("counted", "the message names it");
    OK(text_is_as_it_was(nowhere) && text_is_protected(),
       "not a byte has changed");
    hp_abort(all);
  }
  poke(site.word, first);
  OK(answer(1) == 2 && counted(1) == 3, "the originals run");
  IS(hp_revert("answer"), HP_NOT_APPLIED, "and nothing is noted");
}

/* --- Everything at once ----------------------------------------------------
 */

static void ignore(hp_log_level level, const char* message, void* data)
{
  (void)level, (void)message, (void)data;
}

static void* use_everything(void* unused)
{
  hp_set_log(ignore, NULL);
  for (int level = HP_IMMEDIATE; level <= HP_SAFEPOINT; level++) {
    const hp_commit_options options = {sizeof(hp_commit_options),
                                       (hp_level)level, 0, 2000};
    for (int on = 1; on >= 0; on--) {
      hp_transaction* all = hp_begin();
      if (on)
        hp_add_apply(all, "answer", times_ten);
      else
        hp_add_revert(all, "answer");
      if (hp_commit(all, &options) != HP_OK)
        return (void*)1;
    }
  }
  hp_set_log(NULL, NULL);
  return hp_apply("answr", times_ten) == HP_NOT_FOUND ? unused : (void*)1;
}

/* --- Forks ---------------------------------------------------------------- */

static int child_starts_fresh(void)
{
  return toggles() && use_everything(NULL) == NULL ? 0 : 1;
}

static int child_inherits(void)
{
  return answer(1) == 10 && hp_revert("answer") == HP_OK && answer(1) == 2 ? 0
                                                                           : 1;
}

static void* toggle_for_ever(void* stop)
{
  while (!__atomic_load_n((int*)stop, __ATOMIC_RELAXED)) {
    hp_apply("counted", times_ten);
    hp_revert("counted");
  }
  return NULL;
}

static void forks(void)
{
  int stop = 0;
  int good = 1;
  pthread_t toggler;
  in_child(child_starts_fresh, "a child patches itself");
  OK(answer(1) == 2, "and not its parent");
  IS(hp_apply("answer", times_ten), HP_OK, "applied before the fork");
  in_child(child_inherits, "a child inherits what is applied");
  OK(answer(1) == 10, "and reverts it for itself only");
  IS(hp_revert("answer"), HP_OK, "reverted");

  pthread_create(&toggler, NULL, toggle_for_ever, &stop);
  for (int i = 0; i < 100; i++)
    good = good && run_in_child(child_starts_fresh) == child_good;
  __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
  pthread_join(toggler, NULL);
  OK(good, "forked in the middle of a change, a child has a working library");
}

/* --- Far away ------------------------------------------------------------- */

static void far_away(void)
{
  const unsigned char code[] = {0xb8, 42, 0, 0, 0, /* mov $42,%eax */
                                0xc3};             /* ret */
  int (*far)(int) = (int (*)(int))(uintptr_t)far_code(code, sizeof code);
  hp_site site;
  OK(far != NULL, "code is mapped far away");
  IS(hp_apply("answer", far), HP_OK, "and replaces a function");
  OK(answer(1) == 42, "which runs it");
  IS(hp_apply("answer", times_ten), HP_OK, "a near one above it");
  OK(answer(1) == 10, "runs");
  IS(hp_revert("answer"), HP_OK, "and goes");
  OK(answer(1) == 42, "back to the far one");
  IS(hp_site_find("answer", &site), HP_OK, "which is shown");
  OK(site.target == (const void*)(uintptr_t)far, "as it is");
  IS(hp_revert("answer"), HP_OK, "reverted");
  OK(answer(1) == 2, "the original runs");
  IS(hp_apply("answer", far), HP_OK, "and far once more");
  OK(answer(1) == 42, "through the same pad");
  IS(hp_revert("answer"), HP_OK, "reverted");
}

/* --- Threads -------------------------------------------------------------- */

static void* hammer(void* function)
{
  int (*replacement)(int) = (int (*)(int))(uintptr_t)function;
  for (int i = 0; i < 500; i++)
    if (hp_apply("answer", replacement) != HP_OK ||
        hp_remove("answer", replacement) != HP_OK)
      return (void*)1;
  return NULL;
}

static int times_twenty(int x)
{
  return x * 20;
}

static void two_threads(void)
{
  pthread_t threads[2];
  void* failed[2];
  pthread_create(&threads[0], NULL, hammer, (void*)(uintptr_t)times_ten);
  pthread_create(&threads[1], NULL, hammer, (void*)(uintptr_t)times_twenty);
  pthread_join(threads[0], &failed[0]);
  pthread_join(threads[1], &failed[1]);
  OK(!failed[0] && !failed[1], "two threads apply and remove at once");
  OK(answer(1) == 2, "and leave the original");
}

/* What hotpatch(3) says the library needs. */
static void small_stack(void)
{
  pthread_attr_t attributes;
  pthread_t thread;
  void* failed = (void*)1;
  pthread_attr_init(&attributes);
  OK(pthread_attr_setstacksize(&attributes, 32 * 1024) == 0 &&
         pthread_create(&thread, &attributes, use_everything, NULL) == 0 &&
         pthread_join(thread, &failed) == 0 && failed == NULL,
     "32 KiB of stack are enough");
  pthread_attr_destroy(&attributes);
}

/* --- The log -------------------------------------------------------------- */

static int lines;
static hp_status from_handler = HP_INTERNAL;

static void listen(hp_log_level level, const char* message, void* data)
{
  (void)level;
  hp_site site;
  if (strstr(message, "answer") != NULL)
    ++*(int*)data;
  from_handler = hp_site_find("answer", &site);
}

static void logging(void)
{
  hp_set_log(listen, &lines);
  IS(hp_apply("answer", times_ten), HP_OK, "applied with a listener");
  OK(lines == 1, "who is told");
  OK(from_handler == HP_OK, "and may call the library");
  IS(hp_revert("answer"), HP_OK, "reverted");
  hp_set_log(NULL, NULL);
  OK(lines == 2, "told again");
  IS(hp_revert("answer"), HP_NOT_APPLIED, "without a listener");
  OK(lines == 2, "no log handler is called");
}

int main(void)
{
  errno = 1234;
  OK(toggles() && errno == 1234, "errno stays as it was");
  breakpoints();
  breakpoint_among_several();
  forks();
  far_away();
  two_threads();
  small_stack();
  logging();
  return done_testing();
}
