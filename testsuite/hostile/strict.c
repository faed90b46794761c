/* Changes at the level strict while threads are where a trap would kill them:
 * they block SIGTRAP, run a handler that blocks everything, or are children of
 * a fork in the middle.  And the control: with a breakpoint they do die.
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <hotpatch.h>

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "testsuite/hostile/child.h"
#include "testsuite/hostile/forbid.h"
#include "testsuite/lib/far_code.h"
#include "testsuite/lib/poke.h"
#include "testsuite/lib/three_functions.h"

static int (*far_one)(int);

/* --- What is changed ------------------------------------------------------ */

static volatile long calls;
static volatile int wrong;

/* Old: x + 1, x + 2, x + 3; new: all of them ten or three times as much. */
static void call_all(void)
{
  const int a = first(1);
  const int b = second(1);
  const int c = third(1);
  if ((a != 2 && a != 10 && a != 3) || (b != 3 && b != 10) ||
      (c != 4 && c != 10 && c != 3))
    wrong = 1;
  calls++;
}

static hp_status change(int (*to)(int), int several)
{
  const hp_commit_options options = {sizeof(hp_commit_options), HP_STRICT, 0,
                                     0};
  hp_transaction* all = hp_begin();
  if (to == NULL) {
    hp_add_revert_all(all);
  } else {
    hp_add_apply(all, "first", to);
    if (several) {
      hp_add_apply(all, "second", times_ten);
      hp_add_apply(all, "third", to);
    }
  }
  const hp_status status = hp_commit(all, &options);
  if (status != HP_OK)
    hp_abort(all);
  return status;
}

/* Back and forth, near and far, alone and together, until the others have
 * called that often. */
static int toggle_until(long enough)
{
  const long end = calls + enough;
  for (int i = 0; i < 200 || (calls < end && i < 200000); i++) {
    EXPECT(change(i % 2 == 0 ? times_ten : far_one, i % 4 < 2) == HP_OK);
    EXPECT(first(1) == (i % 2 == 0 ? 10 : 3));
    EXPECT(change(NULL, 0) == HP_OK);
    EXPECT(first(1) == 2 && second(1) == 3 && third(1) == 4);
  }
  EXPECT(calls >= end && !wrong);
  return child_good;
}

/* The same with int3 bytes, as a debugger, or a library that uses traps, has
 * it. */
static volatile int with_traps;
static void on_trap(int signal, siginfo_t* info, void* context)
{
  (void)signal, (void)info;
  /* After the int3 are seven bytes of the word. */
  ((ucontext_t*)context)->uc_mcontext.gregs[REG_RIP] += 7;
}
static int trap_until_dead(void)
{
  struct sigaction action = {.sa_flags = SA_SIGINFO | SA_NODEFER};
  action.sa_sigaction = on_trap;
  sigaction(SIGTRAP, &action, NULL);
  hp_site site;
  EXPECT(hp_site_find("first", &site) == HP_OK);
  const unsigned char before = *(const unsigned char*)site.word;
  for (int i = 0; i < 20000; i++) {
    poke(site.word, 0xcc);
    poke(site.word, before);
  }
  return child_good;
}
static int toggle(void)
{
  return with_traps ? trap_until_dead() : toggle_until(2000);
}

/* --- Threads that a trap would kill --------------------------------------- */

static void on_alarm(int signal)
{
  (void)signal;
  call_all();
}
static void* run_for_ever(void* data)
{
  sigset_t alarms;
  sigemptyset(&alarms);
  sigaddset(&alarms, SIGALRM);
  pthread_sigmask(SIG_UNBLOCK, &alarms, NULL);
  for (;;)
    __asm__ volatile("pause");
  return data;
}

static int handler_with_a_full_mask(void)
{
  struct sigaction action = {.sa_handler = on_alarm};
  const struct itimerval often = {{0, 200}, {0, 200}};
  sigset_t alarms;
  pthread_t thread;
  sigfillset(&action.sa_mask); /* nothing may interrupt it */
  sigaction(SIGALRM, &action, NULL);
  sigemptyset(&alarms);
  sigaddset(&alarms, SIGALRM);
  pthread_sigmask(SIG_BLOCK, &alarms, NULL);
  if (pthread_create(&thread, NULL, run_for_ever, NULL) != 0)
    return child_cannot;
  alarm(0); /* the child's own, which is the same timer */
  setitimer(ITIMER_REAL, &often, NULL);
  return with_traps ? trap_until_dead() : toggle_until(300);
}

static void* enter_critical_sections(void* data)
{
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  for (;;) {
    pthread_sigmask(SIG_BLOCK, &all, &before);
    for (int i = 0; i < 10; i++)
      call_all();
    pthread_sigmask(SIG_SETMASK, &before, NULL);
  }
  return data;
}
static void* block_everything(void* data)
{
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, NULL);
  for (;;)
    call_all();
  return data;
}

static int with_thread(void* (*body)(void*))
{
  pthread_t thread;
  if (pthread_create(&thread, NULL, body, NULL) != 0)
    return child_cannot;
  while (calls == 0)
    usleep(100);
  return toggle();
}
static int critical_sections(void)
{
  return with_thread(enter_critical_sections);
}
static int all_signals_blocked(void)
{
  return with_thread(block_everything);
}
static int trap_ignored(void)
{
  signal(SIGTRAP, SIG_IGN);
  return with_thread(block_everything);
}

/* --- Children of a fork in the middle ------------------------------------- */

static pid_t raw_fork(void)
{
  return (pid_t)syscall(SYS_fork);
}
static pid_t (*volatile fork_somehow)(void);
static volatile int dead; /* children */

static void* fork_for_ever(void* data)
{
  for (;;) {
    const pid_t child = fork_somehow();
    if (child == 0) {
      wrong = 0;
      for (int i = 0; i < 20; i++)
        call_all();
      _exit(wrong);
    }
    int status = 0;
    if (child > 0 && waitpid(child, &status, 0) == child && status != 0)
      dead = status;
    calls++;
  }
  return data;
}
static int with_children(pid_t (*how)(void))
{
  fork_somehow = how;
  const int outcome = with_traps ? with_thread(fork_for_ever)
                      : with_thread(fork_for_ever) == child_good ? child_good
                                                                 : child_bad;
  EXPECT(outcome != child_good || dead == 0);
  return outcome;
}
static int children_of_raw_forks(void)
{
  return with_children(raw_fork);
}
#if __GLIBC_PREREQ(2, 34)
static int children_of__fork(void)
{
  return with_children(_Fork);
}
#endif

/* --------------------------------------------------------------------------
 */

/* True: the child was killed by a trap. */
static int is_killed(int (*body)(void))
{
  int status = 0;
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    with_traps = 1;
    _exit(body());
  }
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGTRAP;
}

int main(void)
{
  far_one = far_times_three();
  in_child(handler_with_a_full_mask, "a handler with a full mask survives");
  in_child(critical_sections, "a critical section without signals survives");
  in_child(all_signals_blocked, "a thread that blocks all signals survives");
  in_child(trap_ignored, "also where SIGTRAP is ignored");
  in_child(children_of_raw_forks, "children of a raw fork() survive");
#if __GLIBC_PREREQ(2, 34)
  in_child(children_of__fork, "children of _Fork() survive");
#else
  SKIP("children of _Fork() survive", "the C library has no _Fork()");
#endif
  OK(is_killed(critical_sections),
     "control: with breakpoints a critical section is killed");
  OK(is_killed(handler_with_a_full_mask),
     "control: and a handler with a full mask");
  return done_testing();
}
