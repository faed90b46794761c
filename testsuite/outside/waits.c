/* Threads that do strange things while hp-apply waits for one of them; the
 * arguments say which.
 *     waits limits            calls with limits; every line counts those that
 *                             came to their end
 *     waits vfork MS          one is in vfork(2) so long; every line has the
 *                             longest time, in ms, that main() stood still
 *     waits exec              one that is not the first executes the program
 *                             again, from time to time
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

__attribute__((hotpatch)) static int stay(int for_ever)
{
  while (for_ever)
    pause();
  return 1;
}

static void* stay_inside(void* unused)
{
  stay(1);
  return unused;
}

static double now(void)
{
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return (double)at.tv_sec * 1e3 + (double)at.tv_nsec / 1e6;
}

/* --- Calls with limits ---------------------------------------------------- */

enum { limit_ms = 100 };
static const struct timespec limit = {0, limit_ms * 1000000};

static int by_poll(int unused)
{
  return poll(NULL, (nfds_t)(0 * unused), limit_ms);
}

static int by_epoll(int epoll)
{
  struct epoll_event event;
  return epoll_wait(epoll, &event, 1, limit_ms);
}

static int by_epoll2(int epoll)
{
  struct epoll_event event;
#ifdef SYS_epoll_pwait2
  return (int)syscall(SYS_epoll_pwait2, epoll, &event, 1, &limit, NULL, 0);
#else
  return epoll_wait(epoll, &event, 1, limit_ms);
#endif
}

static int by_signal(int unused)
{
  sigset_t none;
  sigemptyset(&none);
  return sigtimedwait(&none, NULL, &limit) == -1 && errno == EAGAIN ? 0 * unused
                                                                    : -1;
}

static int by_semaphore(int set)
{
  struct sembuf down = {0, -1, 0};
  return semtimedop(set, &down, 1, &limit) == -1 && errno == EAGAIN ? 0 : -1;
}

static int by_receiving(int socket)
{
  char byte;
  return recv(socket, &byte, 1, 0) == -1 && errno == EAGAIN ? 0 : -1;
}

static aio_context_t events;

static int by_events(int unused)
{
  struct io_event event;
  return (int)syscall(SYS_io_getevents, events, 1, 1, &event, &limit) +
         0 * unused;
}

struct waiter {
  const char* name;
  int (*call)(int);
  int argument;
  volatile long ended;
};

static struct waiter waiters[8];
static int waiter_count;

static void* wait_again_and_again(void* which)
{
  struct waiter* self = which;
  for (;;) {
    const double before = now();
    if (self->call(self->argument) != 0)
      printf("wrong: %s: %s\n", self->name, strerror(errno));
    if (now() - before < limit_ms)
      printf("wrong: %s was cut short\n", self->name);
    ++self->ended;
  }
  return NULL;
}

static void begin_wait(const char* name, int (*call)(int), int argument)
{
  pthread_t thread;
  struct waiter* next = &waiters[waiter_count++];
  *next = (struct waiter){name, call, argument, 0};
  pthread_create(&thread, NULL, wait_again_and_again, next);
}

static void wait_with_limits(void)
{
  int pair[2];
  const struct timeval receiving = {0, limit_ms * 1000};
  begin_wait("poll", by_poll, 0);
  begin_wait("epoll_wait", by_epoll, epoll_create1(0));
  begin_wait("epoll_pwait2", by_epoll2, epoll_create1(0));
  begin_wait("sigtimedwait", by_signal, 0);
  const int set = semget(IPC_PRIVATE, 1, 0600);
  if (set != -1)
    begin_wait("semtimedop", by_semaphore, set);
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 &&
      setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &receiving,
                 sizeof receiving) == 0)
    begin_wait("recv", by_receiving, pair[0]);
  if (syscall(SYS_io_setup, 1, &events) == 0)
    begin_wait("io_getevents", by_events, 0);
  for (;;) {
    for (int i = 0; i < waiter_count; ++i)
      printf("%s %ld ", waiters[i].name, waiters[i].ended);
    puts("");
    usleep(20000);
  }
}

/* --- vfork(2) and execve(2)
 * ---------------------------------------------------- */

static unsigned vfork_us;

static void* spawn_slowly(void* unused)
{
  const pid_t child = vfork();
  if (child == 0) {
    usleep(vfork_us);
    _exit(0);
  }
  waitpid(child, NULL, 0);
  puts("spawned");
  return unused;
}

static void measure_standstill(void)
{
  double longest = 0;
  double last = now();
  for (;;) {
    usleep(2000);
    stay(0);
    const double at = now();
    if (at - last > longest)
      longest = at - last;
    last = at;
    printf("%.0f\n", longest);
  }
}

static char** arguments;

static void* execute_again(void* unused)
{
  usleep(30000);
  execv(arguments[0], arguments);
  return unused;
}

int main(int argc, char** argv)
{
  pthread_t thread;
  arguments = argv;
  setlinebuf(stdout);
  if (argc > 1 && strcmp(argv[1], "limits") == 0) {
    pthread_create(&thread, NULL, stay_inside, NULL);
    wait_with_limits();
  }
  if (argc > 2 && strcmp(argv[1], "vfork") == 0) {
    vfork_us = 1000 * (unsigned)atoi(argv[2]);
    pthread_create(&thread, NULL, spawn_slowly, NULL);
    measure_standstill();
  }
  pthread_create(&thread, NULL, execute_again, NULL);
  for (;;) {
    puts("main");
    usleep(5000);
  }
}
