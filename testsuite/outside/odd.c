/* Programs in unusual circumstances; the first argument says which.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65 /* Linux 6.3 */
#endif

static int counter;

__attribute__((hotpatch)) static int second(int x)
{
  return x + 2;
}

/* Where a thread is that does not leave first(). */
enum { nowhere_else = -1, for_a_while = -2, in_handler = -3, on_fiber = -4 };

static char other_stack[64 * 1024];

static void stay_for_ever(void)
{
  for (;;)
    pause();
}

static void handle(int signal)
{
  (void)signal;
  stay_for_ever();
}

static void leave_stack(int x)
{
  if (x == in_handler) {
    const stack_t alternate = {other_stack, 0, sizeof other_stack};
    const struct sigaction action = {.sa_handler = handle,
                                     .sa_flags = SA_ONSTACK};
    sigaltstack(&alternate, NULL);
    sigaction(SIGUSR1, &action, NULL);
    pthread_kill(pthread_self(), SIGUSR1);
  } else {
    ucontext_t here;
    ucontext_t fiber;
    getcontext(&fiber);
    fiber.uc_stack.ss_sp = other_stack;
    fiber.uc_stack.ss_size = sizeof other_stack;
    makecontext(&fiber, stay_for_ever, 0);
    swapcontext(&here, &fiber);
  }
}

__attribute__((hotpatch)) static int first(int x)
{
  ++counter;
  if (x == nowhere_else)
    pause();
  while (x == for_a_while && access("leave", F_OK) != 0)
    usleep(5000);
  if (x < for_a_while)
    leave_stack(x);
  return 1000 * (x + 1) + second(x);
}

static int place = nowhere_else;

static void* stay_inside(void* unused)
{
  pthread_setname_np(pthread_self(), "sleeper");
  first(place);
  return unused;
}

static void* leave_late(void* unused)
{
  first(for_a_while);
  puts("left");
  fflush(stdout);
  return unused;
}

/* Executes a program and stops it before its first instruction. */
static int start_stopped(char* program)
{
  char* const arguments[] = {program, "plain", NULL};
  const pid_t child = fork();
  if (child == 0) {
    if (freopen("started", "w", stdout) == NULL ||
        ptrace(PTRACE_TRACEME, 0, 0, 0) != 0)
      _exit(1);
    execv(program, arguments);
    _exit(1);
  }
  if (waitpid(child, NULL, 0) != child ||
      ptrace(PTRACE_DETACH, child, 0, SIGSTOP) != 0)
    return 1;
  printf("%d\n", (int)child);
  fflush(stdout);
  return 0;
}

static int begin(const char* what)
{
  struct sock_filter allow = {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
  struct sock_fprog filter = {1, &allow};
  pthread_t thread;
  if (strcmp(what, "mdwe") == 0)
    return prctl(PR_SET_MDWE, 1, 0, 0, 0);
  if (strcmp(what, "seccomp") == 0)
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
               ? 1
               : prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
  if (strcmp(what, "handler") == 0)
    place = in_handler;
  if (strcmp(what, "fiber") == 0)
    place = on_fiber;
  if (strcmp(what, "inside") == 0 || place != nowhere_else)
    return pthread_create(&thread, NULL, stay_inside, NULL);
  if (strcmp(what, "leaves") == 0) {
    puts("inside");
    return pthread_create(&thread, NULL, leave_late, NULL);
  }
  return 0;
}

int main(int argc, char** argv)
{
  if (argc < 2 || (strcmp(argv[1], "starting") == 0 ? start_stopped(argv[0])
                                                    : begin(argv[1])) != 0) {
    puts("cannot");
    return 1;
  }
  for (int i = 0;; ++i) {
    printf("%d\n", first(10));
    fflush(stdout);
    usleep(5000);
    if (strcmp(argv[1], "exec") == 0 && i == 4)
      execv(argv[0], argv);
    if (strcmp(argv[1], "fork") == 0 && fork() == 0)
      _exit(second(1));
    while (waitpid(-1, NULL, WNOHANG) > 0)
      continue;
  }
}
