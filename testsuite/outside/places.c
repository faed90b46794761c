/* A program whose threads stand at odd places when hp-apply looks for one to
 * borrow; the first argument says where.  Whatever it does, it says what
 * answer() returns, again and again if it can.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

__attribute__((hotpatch)) static int answer(int seconds)
{
  if (seconds > 0)
    sleep((unsigned)seconds);
  return 1;
}

static void say(void)
{
  printf("%d\n", answer(0));
}

static void say_for_ever(void)
{
  for (;;) {
    say();
    usleep(5000);
  }
}

/* A handler with a large frame, most likely above mallinfo(), which holds the
 * locks of malloc() while it looks through a large heap. */
static void wait_in_handler(int signal)
{
  char buffer[8192];
  struct pollfd nothing = {-1, 0, 0};
  memset(buffer, signal, sizeof buffer);
  poll(&nothing, 1, 4000);
  static const char words[] = "handled\n";
  if (write(1, words, sizeof words - 1) < 0)
    _exit(1);
}

static void* do_nothing(void* unused)
{
  return unused;
}

static void interrupt_malloc(void)
{
  /* With one thread the C library takes no locks. */
  pthread_t thread;
  pthread_create(&thread, NULL, do_nothing, NULL);
  pthread_join(thread, NULL);
  enum { count = 200000 };
  static char* keep[count];
  for (int i = 0; i < count; ++i)
    keep[i] = malloc(24 + (size_t)(i % 7) * 200);
  for (int i = 0; i < count; i += 2)
    free(keep[i]);
  const struct sigaction action = {.sa_handler = wait_in_handler,
                                   .sa_flags = SA_RESTART};
  const struct itimerval once = {{0, 0}, {0, 300000}};
  sigaction(SIGALRM, &action, NULL);
  setitimer(ITIMER_REAL, &once, NULL);
  puts("ready");
  for (int i = 0;; ++i) {
#if __GLIBC_PREREQ(2, 33)
    struct mallinfo2 all = mallinfo2();
#else
    struct mallinfo all = mallinfo();
#endif
    if (all.uordblks != 1 && i % 50 == 0) {
      say();
      usleep(2000);
    }
  }
}

/* The first thread waits for a lock, while it is to be cancelled; the other one
 * is on a stack that is not its own, and cannot be borrowed. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t other = PTHREAD_MUTEX_INITIALIZER;

static void give_back(void* unused)
{
  (void)unused;
  pthread_mutex_unlock(&other);
}

static void* work(void* unused)
{
  pthread_mutex_lock(&other);
  pthread_cleanup_push(give_back, NULL);
  pthread_mutex_lock(&lock);
  pthread_mutex_unlock(&lock);
  pthread_testcancel();
  pthread_cleanup_pop(1);
  return unused;
}

static ucontext_t before;
static ucontext_t fiber;

static void wait_on_fiber(void)
{
  while (access("go", F_OK) != 0)
    usleep(10000);
  swapcontext(&fiber, &before);
}

static pthread_t first;
static pthread_barrier_t locked;

static void* cancel_first(void* unused)
{
  static char stack[1 << 20];
  void* result;
  pthread_mutex_lock(&lock);
  pthread_barrier_wait(&locked);
  usleep(100000);
  pthread_cancel(first);
  getcontext(&fiber);
  fiber.uc_stack.ss_sp = stack;
  fiber.uc_stack.ss_size = sizeof stack;
  makecontext(&fiber, wait_on_fiber, 0);
  puts("ready");
  swapcontext(&before, &fiber);
  pthread_mutex_unlock(&lock);
  pthread_join(first, &result);
  puts(result == PTHREAD_CANCELED ? "cancelled" : "ended");
  puts(pthread_mutex_trylock(&other) == 0 ? "given back" : "lost");
  say_for_ever();
  return unused;
}

static void cancel_worker(void)
{
  pthread_t thread;
  first = pthread_self();
  pthread_barrier_init(&locked, NULL, 2);
  pthread_create(&thread, NULL, cancel_first, NULL);
  pthread_barrier_wait(&locked);
  pthread_exit(work(NULL));
}

static void loop_over(int allocates)
{
  puts("ready");
  for (;;) {
    if (allocates) {
      void* volatile memory = malloc(100);
      free(memory);
    } else {
      getppid();
    }
    answer(0);
  }
}

static void wait_with_large_frame(void)
{
  volatile char locals[256 * 1024];
  locals[0] = 1;
  while (locals[0] == 1) {
    say();
    usleep(5000);
  }
}

/* As PostgreSQL does: children that never leave the handler. */
static void fork_in_handler(int signal)
{
  (void)signal;
  if (fork() == 0) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    say_for_ever();
  }
}

static void* say_as_thread(void* unused)
{
  usleep(100000);
  say_for_ever();
  return unused;
}

static int stay_inside(void* unused)
{
  (void)unused;
  for (;;)
    answer(1000);
}

/* A process of the same memory, which is no thread and not awaited. */
static void clone_memory(void)
{
  static char stack[1 << 16];
  clone(stay_inside, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL);
  say_for_ever();
}

static void spawn_slowly(void)
{
  const pid_t child = vfork();
  if (child == 0) {
    sleep(6);
    _exit(0);
  }
  waitpid(child, NULL, 0);
  say_for_ever();
}

static void forbid_open(void)
{
  struct sock_filter rules[] = {
      {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr)},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_openat},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EACCES},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
  };
  struct sock_fprog filter = {4, rules};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
    puts("cannot");
  say_for_ever();
}

int main(int argc, char** argv)
{
  const char* where = argc > 1 ? argv[1] : "";
  pthread_t thread;
  setlinebuf(stdout);
  if (strcmp(where, "malloc") == 0)
    interrupt_malloc();
  if (strcmp(where, "cancel") == 0)
    cancel_worker();
  if (strcmp(where, "getppid") == 0 || strcmp(where, "free") == 0)
    loop_over(strcmp(where, "free") == 0);
  if (strcmp(where, "frame") == 0)
    wait_with_large_frame();
  if (strcmp(where, "fork") == 0) {
    signal(SIGUSR1, fork_in_handler);
    raise(SIGUSR1);
    for (;;)
      pause();
  }
  if (strcmp(where, "leader") == 0) {
    pthread_create(&thread, NULL, say_as_thread, NULL);
    puts("ready");
    pthread_exit(NULL);
  }
  if (strcmp(where, "memory") == 0)
    clone_memory();
  if (strcmp(where, "vfork") == 0) {
    puts("ready");
    spawn_slowly();
  }
  if (strcmp(where, "seccomp") == 0)
    forbid_open();
  if (strcmp(where, "allocate") == 0)
    for (int i = 0;; ++i) {
      void* volatile memory = malloc(100);
      free(memory);
      if (i % 100 == 0)
        say();
    }
  say_for_ever();
}
