/* SIGTRAP, which strict shares with the program: its handlers before and over
 * ours.
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include "testsuite/hostile/traps.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <ucontext.h>

/* --- Before --------------------------------------------------------------- */

static int before(void)
{
  install(count, 0);
  EXPECT(toggles_strictly());
  INT3();
  raise(SIGTRAP);
  EXPECT(counted == 2);
  return child_good;
}

static volatile int last_code;
static volatile int last_value;
static volatile uintptr_t last_place;
static void note_everything(int signal, siginfo_t* info, void* context)
{
  (void)signal;
  last_code = info->si_code;
  last_value = info->si_value.sival_int;
  last_place = (uintptr_t)((ucontext_t*)context)->uc_mcontext.gregs[REG_RIP];
}

static int with_all_arguments(void)
{
  struct sigaction action = {.sa_flags = SA_SIGINFO};
  action.sa_sigaction = note_everything;
  sigaction(SIGTRAP, &action, NULL);
  EXPECT(toggles_strictly());
  uintptr_t here;
  __asm__ volatile("lea 0f(%%rip), %0\nint3\n0:" : "=r"(here));
  EXPECT(last_place == here);
  EXPECT(last_code == SI_KERNEL);
  const union sigval value = {.sival_int = 1234};
  sigqueue(getpid(), SIGTRAP, value);
  EXPECT(last_code == SI_QUEUE);
  EXPECT(last_value == 1234);
  return child_good;
}

static volatile int inside_blocked;
static void look_at_mask(int signal)
{
  sigset_t now;
  (void)signal;
  sigprocmask(SIG_BLOCK, NULL, &now);
  inside_blocked = sigismember(&now, SIGUSR1);
}

static int with_its_mask(void)
{
  struct sigaction action = {.sa_flags = 0};
  sigset_t now;
  action.sa_handler = look_at_mask;
  sigaddset(&action.sa_mask, SIGUSR1);
  sigaction(SIGTRAP, &action, NULL);
  EXPECT(toggles_strictly());
  INT3();
  EXPECT(inside_blocked == 1);
  sigprocmask(SIG_BLOCK, NULL, &now);
  EXPECT(!sigismember(&now, SIGUSR1));
  return child_good;
}

static int ignored(void)
{
  signal(SIGTRAP, SIG_IGN);
  EXPECT(toggles_strictly());
  raise(SIGTRAP);
  return child_good;
}

static int jumps_out(void)
{
  install(jump_out, 0);
  EXPECT(toggles_strictly());
  for (int i = 0; i < 1000; i++)
    if (sigsetjmp(way_out, 1) == 0)
      INT3();
  EXPECT(counted == 1000);
  EXPECT(toggles_strictly());
  return child_good;
}

/* What kills: the child's end is looked at. */
static int dies_of_trap(int (*body)(void))
{
  int status = 0;
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    const struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    alarm(60);
    _exit(body());
  }
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGTRAP)
    return 1;
  printf("# ended with status %#x\n", (unsigned)status);
  return 0;
}

static int nobody_handles_it(void)
{
  EXPECT(toggles_strictly());
  INT3();
  return child_bad;
}
static int nobody_handles_it_sent(void)
{
  EXPECT(toggles_strictly());
  raise(SIGTRAP);
  return child_bad;
}
static int ignored_int3(void)
{
  signal(SIGTRAP, SIG_IGN);
  EXPECT(toggles_strictly());
  INT3(); /* the kernel does not let it be ignored */
  return child_bad;
}
static int used_up(void)
{
  install(count, (int)SA_RESETHAND);
  EXPECT(toggles_strictly());
  INT3();
  EXPECT(counted == 1);
  INT3();
  return child_bad;
}

static void before_ours(void)
{
  in_child(before, "a handler from before gets what is not ours");
  in_child(with_all_arguments, "with all that the kernel says of it");
  in_child(with_its_mask, "and with its mask");
  in_child(ignored, "an ignored signal stays ignored");
  in_child(jumps_out, "a handler may jump out");
  OK(dies_of_trap(nobody_handles_it), "without a handler an int3 kills");
  OK(dies_of_trap(nobody_handles_it_sent), "and so does a sent signal");
  OK(dies_of_trap(ignored_int3), "and an int3 where the signal is ignored");
  OK(dies_of_trap(used_up), "and where a handler was for one trap only");
}

/* --- Over ours ------------------------------------------------------------ */

static int over_ours(void)
{
  EXPECT(toggles_strictly());
  install(count, 0);
  EXPECT(toggles_strictly());
  INT3();
  EXPECT(counted == 1);
  EXPECT(toggles_strictly());
  INT3();
  EXPECT(counted == 2);
  return child_good;
}

static int over_ours_handing_on(void)
{
  install(count_below, 0);
  EXPECT(toggles_strictly());
  install_handing_on();
  INT3(); /* theirs, ours, the first one */
  EXPECT(counted == 1 && counted_below == 1);
  for (int i = 2; i < 10; i++) {
    EXPECT(toggles_strictly());
    INT3(); /* ours, theirs, ours, the first one */
    EXPECT(counted == i && counted_below == i);
  }
  return child_good;
}

/* The same handler before and over ours, which always hands on. */
static int circle(void)
{
  install_handing_on();
  EXPECT(toggles_strictly());
  install_handing_on();
  INT3();
  return child_bad;
}
static int circle_after_a_change(void)
{
  install_handing_on();
  EXPECT(toggles_strictly());
  install_handing_on();
  EXPECT(toggles_strictly());
  INT3();
  return child_bad;
}

static void over_it(void)
{
  in_child(over_ours, "a handler over ours gets what is not ours");
  in_child(over_ours_handing_on, "and may hand on to ours");
  OK(dies_of_trap(circle), "a trap never goes around in a circle");
  OK(dies_of_trap(circle_after_a_change), "nor after a change");
}

int main(void)
{
  before_ours();
  over_it();
  return done_testing();
}
