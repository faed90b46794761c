/* A program to be patched from outside.  Its arguments say what it does; every
 * line of its output tells what its functions return.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "register_check.h"

static int counter;
static __thread int calls;

__attribute__((hotpatch)) static int second(int x)
{
  ++calls;
  return x + 2;
}

/* What it returns tells of both: 11012, patched 110210 or 110320. */
__attribute__((hotpatch)) static int first(int x)
{
  ++counter;
  return 1000 * (x + 1) + second(x);
}

static volatile int mixed;
static volatile int wrong;

static void* compute(void* unused)
{
  for (;;) {
    if (check_registers() != 0)
      wrong = 1;
    const int now = first(10);
    if (now != 11012 && now != 110210 && now != 110320)
      mixed = now;
  }
  return unused;
}

static void complain(const char* call)
{
  printf("wrong: %s: %s\n", call, strerror(errno));
  fflush(stdout);
}

static void* wait_in_read(void* unused)
{
  int ends[2];
  char byte;
  if (pipe(ends) != 0 || read(ends[0], &byte, 1) != 1)
    complain("read");
  return unused;
}

static void* wait_in_epoll(void* unused)
{
  struct epoll_event event;
  if (epoll_wait(epoll_create1(0), &event, 1, -1) != 1)
    complain("epoll_wait");
  return unused;
}

static void* wait_in_futex(void* unused)
{
  int word = 0;
  if (syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0) != 0)
    complain("futex");
  return unused;
}

/* With limits: they must be neither cut short nor broken off. */
static void* wait_with_limits(void* unused)
{
  for (;;) {
    struct timespec before, after;
    const struct timespec pause = {0, 30000000};
    clock_gettime(CLOCK_MONOTONIC, &before);
    if (nanosleep(&pause, NULL) != 0)
      complain("nanosleep");
    if (poll(NULL, 0, 10) != 0)
      complain("poll");
    int word = 0;
    if (syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &pause, NULL, 0) !=
            -1 ||
        errno != ETIMEDOUT)
      complain("futex with a limit");
    struct epoll_event event;
    if (epoll_wait(epoll_create1(EPOLL_CLOEXEC), &event, 1, 10) != 0)
      complain("epoll_wait with a limit");
    clock_gettime(CLOCK_MONOTONIC, &after);
    const long ms = (after.tv_sec - before.tv_sec) * 1000 +
                    (after.tv_nsec - before.tv_nsec) / 1000000;
    if (ms < 79)
      complain("time");
  }
  return unused;
}

static void start(void* (*run)(void*), int count)
{
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 128 * 1024);
  for (; count > 0; --count) {
    pthread_t thread;
    if (pthread_create(&thread, &small, run, NULL) != 0)
      exit(3);
    pthread_detach(thread);
  }
}

int main(int argc, char** argv)
{
  if (argc > 1 && strcmp(argv[1], "alone") != 0) {
    start(wait_in_read, atoi(argv[1]));
    start(wait_in_epoll, 1);
    start(wait_in_futex, 1);
    start(wait_with_limits, 1);
    start(compute, 1);
  }
  for (;;) {
    printf("%d%s%s\n", first(10), mixed ? " mixed" : "", wrong ? " wrong" : "");
    fflush(stdout);
    const struct timespec pause = {0, 5000000};
    while (nanosleep(&pause, NULL) != 0)
      complain("nanosleep in main");
  }
}
