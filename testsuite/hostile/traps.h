/* The program's handlers of SIGTRAP, and changes at the level strict.
 * SPDX-License-Identifier: MIT
 */
#ifndef HOTPATCH_TESTSUITE_HOSTILE_TRAPS_H
#define HOTPATCH_TESTSUITE_HOSTILE_TRAPS_H

#include "testsuite/hostile/subject.h"

#include <setjmp.h>
#include <signal.h>

#include "testsuite/hostile/child.h"

static inline hp_status strictly(int (*to)(int))
{
  return change_answer(to, HP_STRICT);
}
static inline int toggles_strictly(void)
{
  return strictly(times_ten) == HP_OK && answer(1) == 10 &&
         strictly(NULL) == HP_OK && answer(1) == 2;
}

#define INT3() __asm__ volatile("int3")

static volatile int counted;
static volatile int counted_below;
static struct sigaction over; /* what the program's handler was put over */

static inline void count(int signal)
{
  (void)signal;
  counted++;
}
static inline void count_below(int signal)
{
  (void)signal;
  counted_below++;
}
static inline void count_and_hand_on(int signal, siginfo_t* info, void* context)
{
  counted++;
  if ((over.sa_flags & SA_SIGINFO) != 0)
    over.sa_sigaction(signal, info, context);
  else if (over.sa_handler != SIG_DFL)
    over.sa_handler(signal);
}
static inline void install(void (*handler)(int), int flags)
{
  struct sigaction action = {.sa_flags = flags};
  action.sa_handler = handler;
  sigaction(SIGTRAP, &action, &over);
}
static inline void install_handing_on(void)
{
  struct sigaction action = {.sa_flags = SA_SIGINFO};
  action.sa_sigaction = count_and_hand_on;
  sigaction(SIGTRAP, &action, &over);
}

static sigjmp_buf way_out;
static inline void jump_out(int signal)
{
  (void)signal;
  counted++;
  siglongjmp(way_out, 1);
}

#endif
