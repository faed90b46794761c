/* Runs a command and kills it at its N-th stop at a system call, counted from
 * the first PTRACE_SEIZE or connect(2) it makes.
 *     kill_steps N COMMAND...
 * Exit status: 0 it was killed, 1 it came to its end before.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static int begins(pid_t pid)
{
  struct user_regs_struct registers;
  return ptrace(PTRACE_GETREGS, pid, NULL, &registers) == 0 &&
         (registers.orig_rax == SYS_connect ||
          (registers.orig_rax == SYS_ptrace && registers.rdi == PTRACE_SEIZE));
}

int main(int argc, char** argv)
{
  if (argc < 3)
    return 2;
  long steps = atol(argv[1]);
  const pid_t pid = fork();
  if (pid == 0) {
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    execv(argv[2], argv + 2);
    _exit(2);
  }
  int status;
  int counting = 0;
  int signal = 0;
  waitpid(pid, &status, 0);
  ptrace(PTRACE_SETOPTIONS, pid, NULL,
         PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
  for (;;) {
    ptrace(PTRACE_SYSCALL, pid, NULL, signal);
    signal = 0;
    if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
      return 1;
    if (WSTOPSIG(status) != (SIGTRAP | 0x80)) {
      signal = WSTOPSIG(status);
      continue;
    }
    counting |= begins(pid);
    if (counting && steps-- == 0) {
      struct user_regs_struct registers;
      ptrace(PTRACE_GETREGS, pid, NULL, &registers);
      printf("system call %lld, request %llu\n", registers.orig_rax,
             registers.rdi);
      kill(pid, SIGKILL);
      waitpid(pid, &status, 0);
      return 0;
    }
  }
}
