/* Servers with several processes.  The argument says which:
 *
 *   waits    a thread of the second process is inside first() until the file
 *            `leave` is there; meanwhile that process forks, as soon as the
 * file `fork` is there passes   forks all the time; the children end at once
 *
 * Every process writes to a file of its own, out.PID: the result of first(), as
 * target.c does, again and again.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int counter;

__attribute__((hotpatch)) static int second(int x)
{
  return x + 2;
}

__attribute__((hotpatch)) static int first(int x)
{
  ++counter;
  while (x < 0 && access("leave", F_OK) != 0)
    usleep(5000);
  return 1000 * (x + 1) + second(x);
}

static void* stay_inside(void* unused)
{
  first(-1);
  return unused;
}

static void serve(const char* role)
{
  char name[32];
  snprintf(name, sizeof name, "out.%d", (int)getpid());
  FILE* const file = fopen(name, "w");
  printf("%s %d\n", role, (int)getpid());
  fflush(stdout);
  for (;;) {
    rewind(file);
    fprintf(file, "%d\n", first(10));
    fflush(file);
    usleep(5000);
  }
}

static void fork_later(void)
{
  pthread_t thread;
  pthread_create(&thread, NULL, stay_inside, NULL);
  printf("second %d\n", (int)getpid());
  fflush(stdout);
  while (access("fork", F_OK) != 0)
    usleep(5000);
  if (fork() == 0)
    serve("third");
  for (;;)
    pause();
}

int main(int argc, char** argv)
{
  if (argc != 2)
    return 64;
  if (strcmp(argv[1], "waits") == 0) {
    if (fork() == 0)
      fork_later();
    serve("first");
  }
  puts("first");
  fflush(stdout);
  if (strcmp(argv[1], "spawns") == 0) {
    if (vfork() == 0) {
      while (access("leave", F_OK) != 0)
        usleep(5000);
      _exit(0);
    }
    serve("parent");
  }
  for (;;) {
    const pid_t child = fork();
    if (child == 0)
      _exit(0);
    waitpid(child, NULL, 0);
    first(10);
  }
}
