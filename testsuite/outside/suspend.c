/* Runs a command and sends it SIGTSTP, as Ctrl-Z does, at the moment when it
 * interrupts a thread of TARGET; then looks at the threads while it stands.
 *     suspend TARGET COMMAND...
 * Exit status: 0 no thread is traced, 1 one is, 2 it did not come to that.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static int is_interrupt(pid_t pid)
{
  struct user_regs_struct registers;
  return ptrace(PTRACE_GETREGS, pid, NULL, &registers) == 0 &&
         registers.orig_rax == SYS_ptrace && registers.rdi == PTRACE_INTERRUPT;
}

static int traced_threads(const char* process)
{
  char path[600];
  char line[256];
  int traced = 0;
  snprintf(path, sizeof path, "/proc/%s/task", process);
  DIR* tasks = opendir(path);
  for (struct dirent* each; tasks != NULL && (each = readdir(tasks)) != NULL;) {
    snprintf(path, sizeof path, "/proc/%s/task/%s/status", process,
             each->d_name);
    FILE* status = fopen(path, "r");
    while (status != NULL && fgets(line, sizeof line, status) != NULL)
      traced += strncmp(line, "TracerPid:", 10) == 0 && atoi(line + 10) != 0;
    if (status != NULL)
      fclose(status);
  }
  return traced;
}

int main(int argc, char** argv)
{
  if (argc < 3)
    return 2;
  int status;
  const pid_t pid = fork();
  if (pid == 0) {
    /* Job control does nothing to a group that no other group of the session
     * looks after. */
    setpgid(0, 0);
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    execv(argv[2], argv + 2);
    _exit(2);
  }
  waitpid(pid, &status, 0);
  ptrace(PTRACE_SETOPTIONS, pid, NULL,
         PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
  for (int signal = 0;;) {
    ptrace(PTRACE_SYSCALL, pid, NULL, signal);
    if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
      return 2;
    signal = WSTOPSIG(status) != (SIGTRAP | 0x80) ? WSTOPSIG(status) : 0;
    if (signal == 0 && is_interrupt(pid))
      break;
  }
  kill(pid, SIGTSTP);
  ptrace(PTRACE_DETACH, pid, NULL, 0);
  if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status))
    return 2;
  const int traced = traced_threads(argv[1]);
  printf("%d threads are traced\n", traced);
  kill(pid, SIGKILL);
  kill(pid, SIGCONT);
  waitpid(pid, &status, 0);
  return traced != 0;
}
