/* A program whose threads are inside a function on stacks that are hard to
 * find, or have left it without a trace that counts.
 *
 * The first argument says where; with "thread" as the second one another thread
 * than the first one is there.  It prints "inside" when it is, stays until
 * there is a file "leave", and then prints what first() returns again and
 * again.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <linux/io_uring.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

enum { fiber_size = 256 * 1024 };

static ucontext_t left;
static ucontext_t fiber;
static int switches; /* first() switches to the fiber */

__attribute__((hotpatch)) int first(int x)
{
  if (switches) {
    switches = 0;
    swapcontext(&left, &fiber);
  }
  return x + 1;
}

static void stay(void)
{
  puts("inside");
  fflush(stdout);
  while (access("leave", F_OK) != 0)
    usleep(5000);
  swapcontext(&fiber, &left);
}

static void prepare(void* stack, size_t size, void (*body)(void))
{
  getcontext(&fiber);
  fiber.uc_stack.ss_sp = stack;
  fiber.uc_stack.ss_size = size;
  fiber.uc_link = NULL;
  makecontext(&fiber, body, 0);
}

/* first() is called by a function whose array is the fiber's stack. */
__attribute__((noinline)) static int inside_on_array(void)
{
  char array[fiber_size];
  memset(array, 0, sizeof array);
  prepare(array, sizeof array, stay);
  switches = 1;
  const int result = first(1);
  __asm__ volatile("" : : "r"(array) : "memory");
  return result;
}

/* The fiber's stack is nearly full, and what is below it is of the caller. */
enum { caller_size = 64 * 1024, room_size = 1024 };
static char* full_stack;
static void stay_on_full(void)
{
  /* Not puts(): nothing that malloc() left on this stack shall count. */
  (void)!write(STDOUT_FILENO, "inside\n", 7);
  const struct timespec moment = {0, 5000000};
  char here;
  volatile char* const space =
      __builtin_alloca((size_t)(&here - full_stack) - room_size);
  space[0] = 0;
  while (syscall(SYS_access, "leave", F_OK) != 0)
    syscall(SYS_nanosleep, &moment, NULL);
  swapcontext(&fiber, &left);
}

__attribute__((noinline)) static int inside_on_full(void)
{
  struct {
    char own[caller_size];
    char stack[fiber_size];
  } array;
  memset(array.own, 'o', sizeof array.own);
  memset(array.stack, 0, sizeof array.stack);
  full_stack = array.stack;
  prepare(array.stack, sizeof array.stack, stay_on_full);
  switches = 1;
  int wrong = first(1) != 2;
  for (size_t i = 0; i < sizeof array.own; i++)
    wrong |= array.own[i] != 'o';
  return wrong;
}

/* For a patch whose replacement switches to a fiber. */
void into_fiber(void)
{
  char* const memory = mmap(NULL, fiber_size, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  prepare(memory, fiber_size, stay);
  swapcontext(&left, &fiber);
}

static int inside_on(void* stack)
{
  prepare(stack, fiber_size, stay);
  switches = 1;
  return first(1);
}

/* A fiber that runs on another fiber's array. */
static ucontext_t outer;
static ucontext_t outer_left;
static void on_outer(void)
{
  inside_on_array();
  swapcontext(&outer, &outer_left);
}
static int inside_on_nested(void)
{
  getcontext(&outer);
  outer.uc_stack.ss_sp = malloc(4 * fiber_size);
  outer.uc_stack.ss_size = 4 * fiber_size;
  outer.uc_link = NULL;
  makecontext(&outer, on_outer, 0);
  return swapcontext(&outer_left, &outer);
}

/* Deep below its caller; what it leaves there does not count. */
__attribute__((noinline)) static int deep(int x)
{
  volatile char space[16 * 1024];
  for (size_t i = 0; i < sizeof space; i++)
    space[i] = 0;
  return first(x) + space[x];
}

__attribute__((noreturn)) static void work(void)
{
  for (;;) {
    printf("%d\n", deep(10));
    fflush(stdout);
    usleep(5000);
  }
}

/* The kernel makes a thread for a read that has to wait. */
static int begin_worker(unsigned flags)
{
  struct io_uring_params about;
  memset(&about, 0, sizeof about);
  about.flags = flags;
  about.sq_thread_idle = 1000000;
  const int ring = (int)syscall(SYS_io_uring_setup, 4, &about);
  if (ring < 0)
    return -1;
  char* const queue =
      mmap(NULL, about.sq_off.array + about.sq_entries * sizeof(unsigned),
           PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring,
           IORING_OFF_SQ_RING);
  struct io_uring_sqe* const entry =
      mmap(NULL, about.sq_entries * sizeof *entry, PROT_READ | PROT_WRITE,
           MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQES);
  static char byte;
  int ends[2];
  if (queue == MAP_FAILED || entry == MAP_FAILED || pipe(ends) != 0)
    return -1;
  memset(entry, 0, sizeof *entry);
  entry->opcode = IORING_OP_READ;
  entry->flags = IOSQE_ASYNC;
  entry->fd = ends[0];
  entry->addr = (uintptr_t)&byte;
  entry->len = 1;
  *(unsigned*)(queue + about.sq_off.array) = 0;
  __atomic_store_n((unsigned*)(queue + about.sq_off.tail), 1, __ATOMIC_RELEASE);
  return (int)syscall(SYS_io_uring_enter, ring, 1, 0, 0, NULL, 0);
}

static int begin(const char* where)
{
  if (strcmp(where, "array") == 0)
    return inside_on_array() != 2;
  if (strcmp(where, "full") == 0)
    return inside_on_full();
  if (strcmp(where, "heap") == 0)
    return inside_on(malloc(fiber_size)) != 2;
  if (strcmp(where, "static") == 0) {
    static char memory[fiber_size];
    return inside_on(memory) != 2;
  }
  if (strcmp(where, "nested") == 0)
    return inside_on_nested();
  if (strcmp(where, "worker") == 0)
    return begin_worker(0) < 0;
  if (strcmp(where, "poller") == 0)
    return begin_worker(IORING_SETUP_SQPOLL) < 0;
  if (strcmp(where, "loop-on-fiber") == 0) {
    char* const memory = mmap(NULL, fiber_size, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    prepare(memory, fiber_size, work);
    return swapcontext(&left, &fiber);
  }
  return strcmp(where, "loop") != 0;
}

static void* start(void* where)
{
  if (begin(where) != 0) {
    puts("cannot");
    exit(1);
  }
  work();
}

int main(int argc, char** argv)
{
  pthread_t thread;
  if (argc < 2)
    return 1;
  if (argc == 2)
    start(argv[1]);
  pthread_create(&thread, NULL, start, argv[1]);
  pthread_join(thread, NULL);
}
