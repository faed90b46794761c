/* Runs a command and does something to it at its N-th step: a stop at a system
 * call, its entry or its exit, counted from the first PTRACE_SEIZE or
 * connect(2) that it makes, or with -a from its first one. steps [-a] [-e
 * EVENT] ACTION N COMMAND... ACTION   kill    it is killed there hold    it
 * stands there while EVENT happens, as if it got SIGSTOP fail=E  the system
 * call fails with the error number E; if the step is not an entry, the next one
 * NUMBER   only entries to the system call with this number count, and of these
 *          only those with the first argument REQUEST
 * EVENT    a shell command that is run and waited for before that
 *
 * Exit status: 0 the step was reached, 1 the command came to its end before.
 * The standard output then says which step it was, how many there were, and how
 * the command ended: "status 0" or "signal 9".
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static int begins(const struct user_regs_struct* registers)
{
  return registers->orig_rax == SYS_connect ||
         (registers->orig_rax == SYS_ptrace && registers->rdi == PTRACE_SEIZE);
}

static long seen; /* steps that counted */

static int tell_end(int status, int reached)
{
  printf("%ld steps\n", seen);
  if (WIFEXITED(status))
    printf("status %d\n", WEXITSTATUS(status));
  else
    printf("signal %d\n", WTERMSIG(status));
  return reached ? 0 : 1;
}

int main(int argc, char** argv)
{
  const char* event = NULL;
  int counting = 0;
  long only = -1;
  long request = -1;
  int option;
  while ((option = getopt(argc, argv, "+an:r:e:")) != -1) {
    if (option == 'a')
      counting = 1;
    else if (option == 'n')
      only = atol(optarg);
    else if (option == 'r')
      request = atol(optarg);
    else if (option == 'e')
      event = optarg;
    else
      return 2;
  }
  if (argc - optind < 3)
    return 2;
  const char* action = argv[optind];
  long steps = atol(argv[optind + 1]);
  char** command = argv + optind + 2;
  const int kills = strcmp(action, "kill") == 0;
  const int always = strncmp(action, "fails=", 6) == 0;
  const int error = always                             ? atoi(action + 6)
                    : strncmp(action, "fail=", 5) == 0 ? atoi(action + 5)
                                                       : 0;
  const pid_t pid = fork();
  if (pid == 0) {
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    execv(command[0], command);
    _exit(127);
  }
  int status;
  int signal = 0;
  int enters = 0; /* the present stop is an entry */
  int reached = 0;
  int failing = 0; /* 1: the next entry, 2: at its exit, 3: of brk(2) */
  unsigned long long argument = 0;
  waitpid(pid, &status, 0);
  if (!WIFSTOPPED(status))
    return 2;
  ptrace(PTRACE_SETOPTIONS, pid, NULL,
         PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
  for (;;) {
    ptrace(PTRACE_SYSCALL, pid, NULL, signal);
    signal = 0;
    if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
      return tell_end(status, reached);
    if (WSTOPSIG(status) != (SIGTRAP | 0x80)) {
      signal = WSTOPSIG(status);
      continue;
    }
    enters = !enters;
    struct user_regs_struct registers;
    if (ptrace(PTRACE_GETREGS, pid, NULL, &registers) != 0)
      return 2;
    counting |= begins(&registers);
    const int counts =
        counting &&
        (only < 0 || (enters && registers.orig_rax == (unsigned long)only)) &&
        (request < 0 || registers.rdi == (unsigned long)request);
    seen += counts;
    if (counts && (steps-- == 0 || (reached && always))) {
      printf("%s system call %lld, request %llu\n",
             enters ? "enters" : "leaves", registers.orig_rax, registers.rdi);
      fflush(stdout);
      reached = 1;
      if (event != NULL && system(event) == -1)
        return 2;
      if (kills) {
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        return tell_end(status, reached);
      }
      failing = error != 0;
    }
    /* The kernel never refuses to return from a signal handler. */
    if (failing == 1 && enters && registers.orig_rax != SYS_rt_sigreturn) {
      printf("system call %lld fails, request %llu\n", registers.orig_rax,
             registers.rdi);
      fflush(stdout);
      /* brk(2) has no error number: it returns the present end (do_brk in
       * mm/mmap.c), as it does when it is asked for it. */
      const int asks = registers.orig_rax == SYS_brk;
      argument = registers.rdi;
      if (asks)
        registers.rdi = 0;
      else
        registers.orig_rax = (unsigned long long)-1; /* none is made */
      ptrace(PTRACE_SETREGS, pid, NULL, &registers);
      failing = asks ? 3 : 2;
    } else if (failing == 2 && !enters) {
      registers.rax = (unsigned long long)-(long)error;
      ptrace(PTRACE_SETREGS, pid, NULL, &registers);
      failing = 0;
    } else if (failing == 3 && !enters) {
      registers.rdi = argument; /* the C library still has it there */
      ptrace(PTRACE_SETREGS, pid, NULL, &registers);
      failing = 0;
    }
  }
}
