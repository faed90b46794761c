/* SIGTRAP in the middle of a change at the level strict: handlers that the
 * program installs, and traps that are not ours.
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include "testsuite/hostile/traps.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/syscall.h>

#include "testsuite/lib/poke.h"

/* Called at the n-th barrier of a change.  The library calls syscall() for
 * membarrier(2) only; strict makes one before the int3, and one behind each of
 * int3, tail and head. */
static void (*meanwhile)(int);
static int barriers;

static long raw_call(long number, long a)
{
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(0), "d"(0)
                   : "rcx", "r11", "memory");
  return result;
}
long syscall(long number, ...)
{
  va_list arguments;
  va_start(arguments, number);
  const int a = va_arg(arguments, int);
  va_end(arguments);
  barriers++;
  if (meanwhile != NULL)
    meanwhile(barriers);
  const long result = raw_call(number, a);
  if (result >= 0)
    return result;
  errno = (int)-result;
  return -1;
}

static char logged[4096];
static void note(hp_log_level level, const char* message, void* data)
{
  (void)level, (void)data;
  strncat(logged, message, sizeof logged - strlen(logged) - 1);
}

/* --- In the middle -------------------------------------------------------- */

static int seen[5];

static void install_in_the_middle(int barrier)
{
  if (barrier == 2) { /* int3 is there */
    install(count, 0);
  } else if (barrier == 3 || barrier == 4) {
    seen[barrier] = answer(1);
  }
}

static int in_the_middle(void)
{
  EXPECT(toggles_strictly());
  hp_set_log(note, NULL);
  barriers = 0;
  meanwhile = install_in_the_middle;
  EXPECT(strictly(times_ten) == HP_OK);
  meanwhile = NULL;
  EXPECT(answer(1) == 10 && seen[3] == 2 && seen[4] == 10);
  EXPECT(strstr(logged, "installed a handler of SIGTRAP") != NULL);
  EXPECT(counted == 0);
  INT3();
  EXPECT(counted == 1);
  logged[0] = '\0';
  EXPECT(strictly(NULL) == HP_OK);
  EXPECT(strstr(logged, "SIGTRAP") == NULL);
  return child_good;
}

static void install_handing_on_in_the_middle(int barrier)
{
  if (barrier == 2) {
    install_handing_on();
    seen[barrier] = answer(1); /* theirs, then ours */
  } else if (barrier > 2) {
    seen[barrier] = answer(1);
  }
}

static int handing_on_in_the_middle(void)
{
  EXPECT(toggles_strictly());
  hp_set_log(note, NULL);
  barriers = 0;
  meanwhile = install_handing_on_in_the_middle;
  EXPECT(strictly(times_ten) == HP_OK);
  meanwhile = NULL;
  EXPECT(counted == 1);
  EXPECT(seen[2] == 2 && seen[3] == 2 && seen[4] == 10 && answer(1) == 10);
  EXPECT(strstr(logged, "installed a handler of SIGTRAP") != NULL);
  return child_good;
}

static volatile int stop;
static volatile long wrong;
static volatile long calls;
static void* call_for_ever(void* data)
{
  while (!stop) {
    const int got = answer(1);
    wrong += got != 2 && got != 10;
    calls++;
  }
  return data;
}
static void* install_for_ever(void* data)
{
  install_handing_on();
  const struct sigaction ours = over;
  while (!stop) {
    install_handing_on();
    over = ours;
  }
  return data;
}

/* Whoever hands on may install handlers at any time. */
static int all_the_time(void)
{
  pthread_t threads[2];
  EXPECT(toggles_strictly());
  pthread_create(&threads[0], NULL, call_for_ever, NULL);
  pthread_create(&threads[1], NULL, install_for_ever, NULL);
  while (calls == 0)
    usleep(1000);
  for (int i = 0; i < 300; i++)
    EXPECT(strictly(i % 2 == 0 ? times_ten : NULL) == HP_OK);
  stop = 1;
  pthread_join(threads[0], NULL);
  pthread_join(threads[1], NULL);
  EXPECT(wrong == 0);
  return child_good;
}

static void call_answer(int signal)
{
  (void)signal;
  const int got = answer(1);
  wrong += got != 2 && got != 10;
  counted++;
}
static void* trap_for_ever(void* data)
{
  while (!stop)
    INT3();
  return data;
}

/* The program's handler calls a function that changes at that moment. */
static int recursion(void)
{
  pthread_t thread;
  install(call_answer, 0);
  EXPECT(toggles_strictly());
  pthread_create(&thread, NULL, trap_for_ever, NULL);
  while (counted == 0)
    usleep(1000);
  const int calls_before = counted;
  for (int i = 0; i < 500; i++)
    EXPECT(strictly(i % 2 == 0 ? times_ten : NULL) == HP_OK);
  stop = 1;
  pthread_join(thread, NULL);
  EXPECT(wrong == 0 && counted > calls_before);
  return child_good;
}

static void in_between(void)
{
  in_child(in_the_middle,
           "a handler installed in the middle: ours stays on top");
  in_child(handing_on_in_the_middle, "one that hands on serves meanwhile");
  in_child(all_the_time, "and may be installed at any time");
  in_child(recursion, "the program's handler calls what is changed");
}

/* --- Refused, and foreign ------------------------------------------------- */

static volatile int ready;
static void* block_traps(void* data)
{
  sigset_t trap;
  sigemptyset(&trap);
  sigaddset(&trap, SIGTRAP);
  pthread_sigmask(SIG_BLOCK, &trap, NULL);
  ready = 1;
  for (;;)
    pause();
  return data;
}

static int blocked(void)
{
  pthread_t thread;
  pthread_create(&thread, NULL, block_traps, NULL);
  while (!ready)
    usleep(1000);
  EXPECT(refuses_at(HP_STRICT, HP_DENIED));
  EXPECT_SAYS("SIGTRAP, which a thread blocks");
  EXPECT(toggles() && toggles_at(HP_QUIESCENT));
  return child_good;
}

/* Somebody else's int3 on a word that once had one of ours. */
static int foreign(void)
{
  hp_site site;
  install(jump_out, 0);
  EXPECT(toggles_strictly());
  EXPECT(hp_site_find("answer", &site) == HP_OK);
  const unsigned char first = *(const unsigned char*)site.word;
  poke(site.word, 0xcc);
  alarm(5); /* against meeting it for ever */
  if (sigsetjmp(way_out, 1) == 0)
    answer(1);
  alarm(0);
  EXPECT(counted == 1);
  EXPECT(strictly(times_ten) == HP_FOREIGN);
  poke(site.word, first);
  EXPECT(toggles_strictly());
  return child_good;
}

int main(void)
{
  in_between();
  in_child(blocked, "refused where a thread blocks the signal");
  in_child(foreign, "somebody else's int3 is not ours");
  return done_testing();
}
