/* A signal that the program uses without a handler - it blocks it, waits for
 * it, or has a timer that sends it - is not taken to stop threads: the program
 * gets its own events, each once, and no others.
 *
 * Argument: the name of one case, or none for all.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <hotpatch.h>

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "testsuite/lib/tap.h"

HP_PATCHABLE int answer(int x)
{
  return x + 1;
}
static int new_answer(int x)
{
  return x * 10;
}

static void rest(void)
{
  const struct timespec millisecond = {0, 1000000};
  nanosleep(&millisecond, NULL);
}

static volatile int events;  /* that a waiter got */
static volatile int foreign; /* of them, those that the program did not send */
static volatile int waiting;
static volatile int leave;
static sigset_t awaited;

static void count(int code, int value)
{
  foreign += code != SI_QUEUE || value != 42;
  events++;
}

/* The three ways to wait. */
static void* waits_for_ever(void* nothing)
{
  pthread_sigmask(SIG_BLOCK, &awaited, NULL);
  waiting = 1;
  while (!leave) {
    siginfo_t what;
    if (sigwaitinfo(&awaited, &what) > 0)
      count(what.si_code, what.si_value.sival_int);
  }
  return nothing;
}
static void* waits_for_a_time(void* nothing)
{
  pthread_sigmask(SIG_BLOCK, &awaited, NULL);
  waiting = 1;
  while (!leave) {
    const struct timespec moment = {0, 500000};
    siginfo_t what;
    if (sigtimedwait(&awaited, &what, &moment) > 0)
      count(what.si_code, what.si_value.sival_int);
  }
  return nothing;
}
static void* reads_signals(void* nothing)
{
  pthread_sigmask(SIG_BLOCK, &awaited, NULL);
  const int file = signalfd(-1, &awaited, SFD_CLOEXEC);
  waiting = 1;
  while (!leave) {
    struct signalfd_siginfo what;
    struct pollfd readable = {file, POLLIN, 0};
    if (poll(&readable, 1, 10) > 0 &&
        read(file, &what, sizeof what) == sizeof what)
      count(what.ssi_code, what.ssi_int);
  }
  close(file);
  return nothing;
}
static void* does_nothing(void* nothing)
{
  while (!leave)
    rest();
  return nothing;
}

static int commits(void)
{
  const hp_commit_options options = {.size = sizeof(hp_commit_options),
                                     .level = HP_QUIESCENT,
                                     .timeout_ms = 5000};
  hp_transaction* change = hp_begin();
  hp_add_apply(change, "answer", new_answer);
  const hp_status status = hp_commit(change, &options);
  if (status != HP_OK) {
    printf("# %s\n", hp_error_message());
    hp_abort(change);
    return 0;
  }
  return answer(3) == 30 && hp_revert("answer") == HP_OK;
}

static int commits_often(void)
{
  for (int i = 0; i < 20; i++)
    if (!commits())
      return 0;
  return 1;
}

/* The signal with the library's handler; 0: none. */
static int library_signal(void)
{
  for (int signal = SIGRTMAX; signal >= SIGRTMIN; signal--) {
    struct sigaction action;
    if (sigaction(signal, NULL, &action) == 0 && action.sa_handler != SIG_DFL &&
        action.sa_handler != SIG_IGN)
      return signal;
  }
  return 0;
}

static pthread_t start(void* (*body)(void*))
{
  pthread_t thread;
  waiting = 0;
  pthread_create(&thread, NULL, body, NULL);
  if (body != does_nothing)
    while (!waiting)
      rest();
  return thread;
}

/* One event of its own comes, and no other. */
static int own_event_comes(pthread_t waiter)
{
  const union sigval value = {.sival_int = 42};
  const int before = events;
  pthread_sigqueue(waiter, SIGRTMAX, value);
  while (events == before)
    rest();
  rest();
  if (foreign != 0 || events != before + 1)
    printf("# %d events, of which %d are not the program's\n", events, foreign);
  return foreign == 0 && events == before + 1;
}

static int ends(pthread_t waiter)
{
  const union sigval value = {.sival_int = 42};
  leave = 1;
  pthread_sigqueue(waiter, SIGRTMAX, value);
  return pthread_join(waiter, NULL) == 0;
}

static int with_waiter(void* (*body)(void*), int blocked_everywhere)
{
  sigemptyset(&awaited);
  sigaddset(&awaited, SIGRTMAX);
  if (blocked_everywhere)
    pthread_sigmask(SIG_BLOCK, &awaited, NULL);
  start(does_nothing);
  const pthread_t waiter = start(body);
  return commits_often() && library_signal() != SIGRTMAX &&
         own_event_comes(waiter) && ends(waiter);
}

static int sigwaitinfo_everywhere_blocked(void)
{
  return with_waiter(waits_for_ever, 1);
}
static int sigwaitinfo_blocked_in_the_waiter(void)
{
  return with_waiter(waits_for_ever, 0);
}
static int sigtimedwait_in_a_loop(void)
{
  return with_waiter(waits_for_a_time, 1);
}
static int signalfd_is_read(void)
{
  return with_waiter(reads_signals, 1);
}

/* Blocked, and no thread waits for it now. */
static int only_blocked(void)
{
  sigemptyset(&awaited);
  sigaddset(&awaited, SIGRTMAX);
  pthread_sigmask(SIG_BLOCK, &awaited, NULL);
  start(does_nothing);
  const int good = commits() && library_signal() != SIGRTMAX;
  leave = 1;
  return good;
}

/* Sent before anybody waits. */
static int pending(void)
{
  const union sigval value = {.sival_int = 42};
  siginfo_t what;
  sigemptyset(&awaited);
  sigaddset(&awaited, SIGRTMAX);
  pthread_sigmask(SIG_BLOCK, &awaited, NULL);
  start(does_nothing);
  sigqueue(getpid(), SIGRTMAX, value);
  const int good = commits_often() && sigwaitinfo(&awaited, &what) > 0 &&
                   what.si_value.sival_int == 42;
  leave = 1;
  return good;
}

static int a_timer_that_is_not_armed(void)
{
  struct sigevent event;
  timer_t timer;
  memset(&event, 0, sizeof event);
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGRTMAX;
  if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0)
    return 0;
  start(does_nothing);
  const int good = commits() && library_signal() != SIGRTMAX;
  leave = 1;
  return good;
}

static volatile int handled;
static void handle(int signal)
{
  handled += signal == SIGRTMAX;
}
static void* suspends(void* nothing)
{
  sigset_t during;
  sigfillset(&during);
  sigdelset(&during, SIGRTMAX);
  sigdelset(&during, SIGRTMAX - 1);
  pthread_sigmask(SIG_BLOCK, &awaited, NULL);
  waiting = 1;
  while (!leave)
    sigsuspend(&during);
  return nothing;
}
static int sigsuspend_with_a_handler(void)
{
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = handle;
  sigaction(SIGRTMAX, &action, NULL);
  sigemptyset(&awaited);
  sigaddset(&awaited, SIGRTMAX);
  const pthread_t waiter = start(suspends);
  const int good = commits_often() && handled == 0;
  return ends(waiter) && good && handled == 1;
}

/* The library has chosen a signal, and a thread that begins later waits for
 * that one. */
static int a_thread_that_begins_later(void)
{
  start(does_nothing);
  if (!commits() || library_signal() != SIGRTMAX)
    return 0;
  sigemptyset(&awaited);
  sigaddset(&awaited, SIGRTMAX);
  const pthread_t waiter = start(waits_for_ever);
  return commits_often() && own_event_comes(waiter) && ends(waiter);
}

/* A thread that every stop has met before: it is seen when it gets the first
 * signal, and another one is taken from then on. */
static volatile int begin_to_wait;
static void* waits_in_the_end(void* nothing)
{
  while (!begin_to_wait)
    rest();
  return waits_for_ever(nothing);
}
static int a_thread_that_waits_later(void)
{
  pthread_t waiter;
  sigemptyset(&awaited);
  sigaddset(&awaited, SIGRTMAX);
  pthread_create(&waiter, NULL, waits_in_the_end, NULL);
  if (!commits_often() || library_signal() != SIGRTMAX)
    return 0;
  begin_to_wait = 1;
  while (!waiting)
    rest();
  rest();
  return commits_often() && foreign <= 1 && ends(waiter);
}
static void* blocks_in_the_end(void* nothing)
{
  while (!begin_to_wait)
    rest();
  pthread_sigmask(SIG_BLOCK, &awaited, NULL);
  waiting = 1;
  while (!leave)
    rest();
  return nothing;
}
static int a_thread_that_blocks_later(void)
{
  pthread_t blocker;
  sigemptyset(&awaited);
  sigaddset(&awaited, SIGRTMAX);
  pthread_create(&blocker, NULL, blocks_in_the_end, NULL);
  if (!commits_often())
    return 0;
  begin_to_wait = 1;
  while (!waiting)
    rest();
  const int good = commits_often();
  leave = 1;
  return good;
}

/* None is left: the library says so, and takes the one that it is given. */
static int none_is_free(void)
{
  const hp_commit_options options = {.size = sizeof(hp_commit_options),
                                     .level = HP_QUIESCENT,
                                     .timeout_ms = 200};
  sigemptyset(&awaited);
  for (int signal = SIGRTMIN; signal <= SIGRTMAX; signal++)
    sigaddset(&awaited, signal);
  pthread_sigmask(SIG_BLOCK, &awaited, NULL);
  const pthread_t waiter = start(waits_for_ever);
  pthread_sigmask(SIG_UNBLOCK, &awaited, NULL);
  start(does_nothing);
  hp_transaction* change = hp_begin();
  hp_add_apply(change, "answer", new_answer);
  const int refused = hp_commit(change, &options) == HP_UNSUPPORTED &&
                      strstr(hp_error_message(), "hp_set_stop_signal()");
  if (!refused)
    printf("# %s\n", hp_error_message());
  hp_abort(change);
  return refused && events == 0 && hp_set_stop_signal(SIGUSR2) == HP_OK &&
         commits() && events == 0 && ends(waiter);
}

static const struct {
  const char* name;
  int (*run)(void);
} cases[] = {
    {"waited for with sigwaitinfo, blocked everywhere",
     sigwaitinfo_everywhere_blocked},
    {"waited for, blocked in the waiting thread only",
     sigwaitinfo_blocked_in_the_waiter},
    {"waited for with sigtimedwait", sigtimedwait_in_a_loop},
    {"read with signalfd", signalfd_is_read},
    {"blocked, and nobody waits", only_blocked},
    {"blocked and pending", pending},
    {"sent by a timer", a_timer_that_is_not_armed},
    {"waited for with sigsuspend and a handler", sigsuspend_with_a_handler},
    {"waited for by a thread that begins later", a_thread_that_begins_later},
    {"waited for later: one signal at most", a_thread_that_waits_later},
    {"blocked later by a thread that was there", a_thread_that_blocks_later},
    {"none is free: the program is asked for one", none_is_free},
};

int main(int argc, char** argv)
{
  setvbuf(stdout, NULL, _IONBF, 0);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    int status = 1;
    if (argc > 1 && strstr(cases[i].name, argv[1]) == NULL)
      continue;
    const pid_t child = fork();
    if (child == 0) {
      alarm(60);
      _exit(cases[i].run() ? 0 : 1);
    }
    waitpid(child, &status, 0);
    if (status != 0)
      printf("# status %#x\n", (unsigned)status);
    OK(status == 0, cases[i].name);
  }
  return done_testing();
}
