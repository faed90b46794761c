/* Locks a pidfd of a process, which every user may, and executes a
 * command that keeps the lock. squat PID COMMAND... Exit status 1: the kernel's
 * pidfds have no inodes of their own.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char** argv)
{
  if (argc < 3)
    return 2;
  const int file = (int)syscall(SYS_pidfd_open, atoi(argv[1]), 0);
  struct statfs system;
  if (file < 0 || fstatfs(file, &system) != 0 || system.f_type != 0x50494446)
    return 1;
  if (flock(file, LOCK_EX | LOCK_NB) != 0)
    return 3;
  fcntl(file, F_SETFD, 0);
  execvp(argv[2], argv + 2);
  return 2;
}
