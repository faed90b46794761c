/* A program that says what its functions return, and does what a file "event"
 * in its directory asks for, while it is patched from outside:
 *     fork        the child does the same for a while, into "child.out"
 *     exec        executes itself
 *     execute     the same, by a thread that is not the first
 *     load        loads and unloads another shared object
 *     unload      unloads the one that was loaded last
 *     thread      ends a thread and starts another one
 *     descriptor  closes descriptors and opens others with their numbers
 * The file goes away when it is done.
 *
 * whole() calls part(): unpatched 1001, patched 2002 or 3003.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

__attribute__((hotpatch)) static int part(void)
{
  return 1;
}

__attribute__((hotpatch)) static int whole(void)
{
  return 1000 + part();
}

static volatile int ends;
static volatile int executes;
static pthread_t thread;

static void execute(void)
{
  unlink("event");
  execl("/proc/self/exe", "crossed", (char*)NULL);
}

/* In and out of the functions; it makes no system calls of note. */
static void* work(void* unused)
{
  while (!ends) {
    if (executes)
      execute();
    const int now = whole();
    if (now != 1001 && now != 2002 && now != 3003) {
      printf("mixed %d\n", now);
      fflush(stdout);
    }
    usleep(100);
  }
  return unused;
}

static void say(int times)
{
  for (; times > 0; --times) {
    printf("%d\n", whole());
    fflush(stdout);
    usleep(2000);
  }
}

static void* loaded;

static void happen(const char* event)
{
  if (strcmp(event, "fork") == 0) {
    const pid_t child = fork();
    if (child == 0) {
      if (freopen("child.out", "w", stdout) == NULL)
        _exit(1);
      say(20);
      _exit(0);
    }
    int status;
    if (waitpid(child, &status, 0) == child && status != 0)
      printf("wrong: the child ended with %x\n", (unsigned)status);
  } else if (strcmp(event, "exec") == 0) {
    execute();
  } else if (strcmp(event, "execute") == 0) {
    for (executes = 1;;)
      pause();
  } else if (strcmp(event, "load") == 0) {
    if (loaded != NULL)
      dlclose(loaded);
    loaded = dlopen("./other.so", RTLD_NOW);
  } else if (strcmp(event, "unload") == 0) {
    if (loaded != NULL)
      dlclose(loaded);
    loaded = NULL;
  } else if (strcmp(event, "thread") == 0) {
    ends = 1;
    pthread_join(thread, NULL);
    ends = 0;
    if (pthread_create(&thread, NULL, work, NULL) != 0)
      printf("wrong: no thread\n");
  } else if (strcmp(event, "descriptor") == 0) {
    for (int number = 3; number < 64; ++number)
      close(number);
    for (int number = 3; number < 64; ++number)
      if (open("/dev/null", O_RDWR | O_CLOEXEC) != number)
        printf("wrong: descriptor %d was not free\n", number);
    for (int number = 3; number < 64; ++number)
      close(number);
  }
}

int main(void)
{
  if (pthread_create(&thread, NULL, work, NULL) != 0)
    return 1;
  for (;;) {
    say(1);
    char event[32] = "";
    const int file = open("event", O_RDONLY | O_CLOEXEC);
    if (file < 0)
      continue;
    const ssize_t size = read(file, event, sizeof event - 1);
    close(file);
    event[size > 0 ? size : 0] = '\0';
    event[strcspn(event, "\n")] = '\0';
    happen(event);
    unlink("event");
  }
}
