/* Where the system forbids the easy way of writing to text, or of making the
 * cores take notice.
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include "testsuite/hostile/subject.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <time.h>

#include "testsuite/hostile/child.h"
#include "testsuite/hostile/forbid.h"

static int writer_is(const char* name)
{
  return strcmp(hp_writer(), name) == 0;
}
static int barrier_is(const char* name)
{
  return strcmp(hp_barrier(), name) == 0;
}

/* --- Writing -------------------------------------------------------------- */

static int nothing_forbidden(void)
{
  EXPECT(writer_is("rwx-window"));
  EXPECT(barrier_is("membarrier"));
  EXPECT(hp_error_message()[0] == '\0');
  EXPECT(toggles_at_every_level());
  return child_good;
}

static int no_writable_code(void)
{
  if (prctl(PR_SET_MDWE, 1, 0, 0, 0) != 0)
    return child_cannot;
  EXPECT(toggles_at_every_level());
  EXPECT(writer_is("proc-mem"));
  EXPECT_SAYS("(mprotect: ");
  return child_good;
}

static int no_writable_code_later(void)
{
  EXPECT(toggles());
  EXPECT(writer_is("rwx-window"));
  return no_writable_code();
}

static int no_mprotect_exec(void)
{
  if (!forbid(SYS_mprotect, PROT_EXEC))
    return child_cannot;
  EXPECT(toggles_at_every_level());
  EXPECT(writer_is("proc-mem"));
  EXPECT_SAYS("mprotect: Operation not permitted");
  return child_good;
}

static int no_mprotect_exec_later(void)
{
  EXPECT(toggles());
  return no_mprotect_exec();
}

static int nothing_allowed(void)
{
  if (!forbid(SYS_mprotect, PROT_EXEC) || !forbid(SYS_pwrite64, 0))
    return child_cannot;
  for (int level = HP_IMMEDIATE; level <= HP_SAFEPOINT; level++) {
    EXPECT(refuses_at((hp_level)level, HP_DENIED));
    EXPECT_SAYS("writable and executable");
    EXPECT_SAYS("/proc/thread-self/mem");
  }
  EXPECT(writer_is("none"));
  EXPECT_SAYS("/proc/thread-self/mem");
  return child_good;
}

static int no_mapping_query(void)
{
  if (!forbid(SYS_ioctl, 0))
    return child_cannot;
  EXPECT(toggles_at_every_level());
  return child_good;
}

static void writing(void)
{
  in_child(nothing_forbidden, "where nothing is forbidden");
  in_child(no_writable_code, "memory may not be writable and executable");
  in_child(no_writable_code_later, "nor from now on");
  in_child(no_mprotect_exec, "a filter forbids mprotect(PROT_EXEC)");
  in_child(no_mprotect_exec_later, "from now on");
  in_child(nothing_allowed, "where nothing is allowed, it is said");
  in_child(no_mapping_query, "a filter forbids asking for one mapping");
}

/* --- Taking notice -------------------------------------------------------- */

static volatile int running;
static volatile int interruptions;
static volatile int sleeps; /* that have ended, and been counted above */

/* nanosleep is a call that never goes on by itself: signal(7). */
static void* sleep_for_ever(void* blocked)
{
  const struct timespec pause = {0, 2000000};
  sigset_t all;
  sigfillset(&all);
  pthread_setname_np(pthread_self(), "sleeper");
  if (blocked != NULL)
    pthread_sigmask(SIG_BLOCK, &all, NULL);
  running = 1;
  while (running) {
    if (nanosleep(&pause, NULL) != 0)
      interruptions++;
    sleeps++;
  }
  return NULL;
}

static pthread_t start_sleeper(int blocked)
{
  pthread_t thread;
  pthread_create(&thread, NULL, sleep_for_ever, blocked ? &thread : NULL);
  while (!running) {
  }
  return thread;
}

static int no_membarrier_at_all(void)
{
  if (!forbid(SYS_membarrier, 0))
    return child_cannot;
  start_sleeper(0);
  EXPECT(toggles_at_every_level());
  EXPECT(barrier_is("signals"));
  EXPECT_SAYS("membarrier(2) is refused: Operation not permitted");
  /* The signal arrives.  The level quiescent has sent one in any case, and the
   * sleeper may not have counted that yet. */
  const int slept = sleeps;
  while (sleeps == slept) {
  }
  interruptions = 0;
  for (int i = 0; i < 2000 && interruptions == 0; i++)
    EXPECT(toggles());
  EXPECT(interruptions != 0);
  return child_good;
}

static int with_membarrier(void)
{
  start_sleeper(0);
  for (int i = 0; i < 1000; i++)
    EXPECT(toggles() && toggles_at(HP_STRICT));
  EXPECT(interruptions == 0);
  return child_good;
}

static int no_membarrier_no_mprotect(void)
{
  if (!forbid(SYS_mprotect, PROT_EXEC))
    return child_cannot;
  EXPECT(toggles_at_every_level());
  return no_membarrier_at_all();
}

static char logged[4096];
static void note(hp_log_level level, const char* message, void* data)
{
  (void)level;
  (void)data;
  strncat(logged, message, sizeof logged - strlen(logged) - 2);
  strcat(logged, "\n");
}

static int nobody_can_be_reached(void)
{
  if (!forbid(SYS_membarrier, 0))
    return child_cannot;
  start_sleeper(1);
  hp_set_log(note, NULL);
  EXPECT(toggles());
  EXPECT(strstr(logged, "may enter an old function") != NULL);
  EXPECT(strstr(logged, "(sleeper) blocks signal") != NULL);
  hp_set_log(NULL, NULL);
  EXPECT(barrier_is("none"));
  EXPECT_SAYS("(sleeper)");
  EXPECT(refuses_at(HP_STRICT, HP_DENIED));
  EXPECT_SAYS("membarrier(2) is refused");
  EXPECT_SAYS("(sleeper)");
  EXPECT(refuses_at(HP_QUIESCENT, HP_BUSY));
  EXPECT_SAYS("(sleeper) blocks signal");
  EXPECT(toggles_at(HP_SAFEPOINT));
  return child_good;
}

static int nobody_can_be_reached_nor_written(void)
{
  if (!forbid(SYS_mprotect, PROT_EXEC) || !forbid(SYS_membarrier, 0))
    return child_cannot;
  start_sleeper(1);
  EXPECT(refuses_at(HP_IMMEDIATE, HP_BUSY));
  EXPECT_SAYS("(sleeper) blocks signal");
  return child_good;
}

static int the_log_tells(void)
{
  if (!forbid(SYS_mprotect, PROT_EXEC))
    return child_cannot;
  hp_set_log(note, NULL);
  EXPECT(toggles());
  EXPECT(strstr(logged, "writer: proc-mem, because the system refuses") !=
         NULL);
  EXPECT(strstr(logged, "barrier: membarrier\n") != NULL);
  logged[0] = '\0';
  EXPECT(toggles());
  EXPECT(strstr(logged, "writer:") == NULL); /* only once */
  return child_good;
}

static int the_log_tells_of_barriers(void)
{
  hp_set_log(note, NULL);
  EXPECT(toggles());
  EXPECT(strstr(logged, "barrier: membarrier\n") != NULL);
  logged[0] = '\0';
  if (!forbid(SYS_membarrier, 0))
    return child_cannot;
  EXPECT(toggles());
  EXPECT(strstr(logged, "writer:") == NULL);
  EXPECT(strstr(logged, "barrier: signals, because membarrier(2)") != NULL);
  logged[0] = '\0';
  EXPECT(toggles());
  EXPECT(strstr(logged, "barrier:") == NULL); /* only once */
  return child_good;
}

static void taking_notice(void)
{
  in_child(with_membarrier, "membarrier interrupts no thread");
  in_child(no_membarrier_at_all, "a filter forbids membarrier: signals");
  in_child(no_membarrier_no_mprotect, "and mprotect: signals and proc-mem");
  in_child(nobody_can_be_reached, "a thread blocks these as well: it is told");
  in_child(nobody_can_be_reached_nor_written, "and mprotect: refused");
  in_child(the_log_tells, "the log tells what is used and why, once");
  in_child(the_log_tells_of_barriers, "also of barriers");
}

int main(void)
{
  writing();
  taking_notice();
  return done_testing();
}
