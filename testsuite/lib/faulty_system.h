/* A system that fails when it is told to.  These functions stand before the C
 * library's, also for shared objects; system calls that pass by the C library
 * are reached as well.  Include it in one file of a program.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HOTPATCH_TESTSUITE_FAULTY_SYSTEM_H
#define HOTPATCH_TESTSUITE_FAULTY_SYSTEM_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "testsuite/lib/own_calls.h"
#include "testsuite/lib/tap.h"

enum fault {
  no_fault,
  mprotects,
  mmaps,
  allocations,
  writes,
  opens,
  system_calls /* each that can fail, by whatever way it is made */
};
static enum fault failing;
static long fail_at;   /* which call fails, counted from 1 */
static int fails_on;   /* and all that follow it */
static long calls;     /* since the counting began */
static int armed;      /* between begin_faults() and end_faults() */
static int refuse_rwx; /* as a policy does */

static int fails(enum fault kind, int error)
{
  if (!armed || kind != failing)
    return 0;
  calls++;
  if (calls != fail_at && !(fails_on && calls > fail_at))
    return 0;
  errno = error;
  return 1;
}

int mprotect(void* address, size_t size, int protection)
{
  const int rwx = PROT_READ | PROT_WRITE | PROT_EXEC;
  if (refuse_rwx && protection == rwx) {
    errno = EACCES;
    return -1;
  }
  if (fails(mprotects, ENOMEM))
    return -1;
  return (int)syscall(SYS_mprotect, address, size, protection);
}

void* mmap(void* address, size_t size, int protection, int flags, int file,
           off_t offset)
{
  if (fails(mmaps, ENOMEM))
    return MAP_FAILED;
  return (void*)syscall(SYS_mmap, address, size, protection, flags, file,
                        offset);
}
void* mmap64(void* address, size_t size, int protection, int flags, int file,
             off64_t offset)
{
  return mmap(address, size, protection, flags, file, offset);
}

ssize_t pwrite64(int file, const void* bytes, size_t size, off64_t offset)
{
  /* Half of it, as a full disk would. */
  if (fails(writes, EIO)) {
    if (size > 1)
      (void)!syscall(SYS_pwrite64, file, bytes, size / 2, offset);
    errno = EIO;
    return -1;
  }
  return syscall(SYS_pwrite64, file, bytes, size, offset);
}
ssize_t pwrite(int file, const void* bytes, size_t size, off_t offset)
{
  return pwrite64(file, bytes, size, offset);
}

int open64(const char* path, int flags, ...)
{
  va_list arguments;
  if (fails(opens, EMFILE))
    return -1;
  va_start(arguments, flags);
  const int mode = (flags & O_CREAT) != 0 ? va_arg(arguments, int) : 0;
  va_end(arguments);
  return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}
int open(const char* path, int flags, ...)
{
  va_list arguments;
  va_start(arguments, flags);
  const int mode = (flags & O_CREAT) != 0 ? va_arg(arguments, int) : 0;
  va_end(arguments);
  return open64(path, flags, mode);
}

void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* memory, size_t size);
void* malloc(size_t size)
{
  return fails(allocations, ENOMEM) ? NULL : __libc_malloc(size);
}
void* calloc(size_t count, size_t size)
{
  return fails(allocations, ENOMEM) ? NULL : __libc_calloc(count, size);
}
void* realloc(void* memory, size_t size)
{
  return fails(allocations, ENOMEM) ? NULL : __libc_realloc(memory, size);
}

/* How a system call fails that can; 0: it does not. */
static int failure_of(long number)
{
  switch (number) {
    case SYS_mprotect:
    case SYS_mmap:
    case SYS_mremap:
    case SYS_madvise:
    case SYS_getdents64:
    case SYS_newfstatat:
    case SYS_fstat:
      return ENOMEM;
    case SYS_openat:
      return EMFILE;
    case SYS_read:
    case SYS_pread64:
    case SYS_pwrite64:
      return EIO;
    case SYS_rt_sigaction:
    case SYS_membarrier:
      return EPERM;
    case SYS_readlinkat:
      return EACCES;
    case SYS_tgkill:
      return EAGAIN;
    case SYS_ioctl:
      return ENOTTY;
    case SYS_nanosleep:
      return EINTR;
    default:
      return 0;
  }
}

static int fail_in_turn(long number)
{
  const int error = failure_of(number);
  return error != 0 && fails(system_calls, error) ? error : 0;
}

/* 0: this system cannot fail like that. */
static int begin_faults(long number)
{
  fail_at = number;
  calls = 0;
  armed = 1;
  return failing != system_calls || own_calls_listen(fail_in_turn);
}

static int waiting;
static void* wait_for_ever(void* unused)
{
  __atomic_store_n(&waiting, 1, __ATOMIC_RELAXED);
  for (;;)
    pause();
  return unused;
}

/* In a child, before anything else, so that it has to reach another thread.  0:
 * this system cannot fail like that. */
static int begin_child(enum fault kind)
{
  pthread_t other;
  failing = kind;
  /* A thread that is being born blocks all signals.  (A forked child has what
   * was set in its parent.) */
  waiting = 0;
  if (pthread_create(&other, NULL, wait_for_ever, NULL) != 0)
    return 0;
  while (!__atomic_load_n(&waiting, __ATOMIC_RELAXED))
    usleep(100);
  if (!begin_faults(0))
    return 0;
  armed = 0;
  if (failing == system_calls)
    own_calls_stop();
  return 1;
}
/* True if there was one. */
static int end_faults(void)
{
  if (failing == system_calls)
    own_calls_stop();
  armed = 0;
  return calls >= fail_at;
}

/* What the library knows once it need not ask for again, also after a fault
 * that it has survived.  So each fault of the first time has a process of its
 * own: `one` lets the system fail at that step, sets *hit if there was such a
 * step, and returns 0 if all is well.  0: all was, at every step. */
static inline int every_first_fault(int (*one)(long number, int* hit),
                                    enum fault kind)
{
  enum { was_hit = 0, not_hit = 2 };
  for (long number = 1;; number++) {
    int status = 0;
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
      int hit = 0;
      const int bad = !begin_child(kind) || one(number, &hit) != 0;
      fflush(stdout);
      _exit(bad ? 1 : hit ? was_hit : not_hit);
    }
    waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == not_hit) {
      printf("# %ld faults of the first time\n", number - 1);
      return 0;
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != was_hit) {
      printf("# fault %ld of the first time: %#x\n", number, (unsigned)status);
      return 1;
    }
  }
}

/* One test: the body, which returns 0 if all is well, in a child of its own. */
static inline void in_faulty_child(int (*body)(enum fault), enum fault kind,
                                   const char* name)
{
  enum { without_faults = 77 };
  int status = 0;
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    const int result = begin_child(kind) ? body(kind) : without_faults;
    fflush(stdout);
    _exit(result);
  }
  waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == without_faults) {
    SKIP(name, "the kernel does not hand system calls over");
    return;
  }
  if (!WIFEXITED(status))
    printf("# child killed by signal %d\n", WTERMSIG(status));
  OK(WIFEXITED(status) && WEXITSTATUS(status) == 0, name);
}

#endif
