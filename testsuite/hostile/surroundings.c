/* Processes with little: no /proc, no files, no privilege, no memory.  What the
 * library needs and does not get it names, and changes nothing.
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include "testsuite/hostile/subject.h"

#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "testsuite/hostile/child.h"
#include "testsuite/hostile/forbid.h"
#include "testsuite/lib/far_code.h"

static volatile int asleep;
static void* sleep_for_ever(void* data)
{
  pthread_setname_np(pthread_self(), "sleeper");
  asleep = 1;
  for (;;)
    pause();
  return data;
}

/* --- Files ---------------------------------------------------------------- */

static int own_mounts(void)
{
  return unshare(CLONE_NEWNS) == 0 &&
         mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static int without_proc(void)
{
  if (!own_mounts() || umount2("/proc", MNT_DETACH) != 0)
    return child_cannot;
  EXPECT(toggles());
  EXPECT(toggles_at(HP_SAFEPOINT));
  EXPECT(toggles_at(HP_STRICT));
  EXPECT(refuses_at(HP_QUIESCENT, HP_UNSUPPORTED));
  EXPECT_SAYS("/proc");
  return child_good;
}

/* It is there, and closed to this user. */
static int unreadable_proc(void)
{
  EXPECT(toggles()); /* where no user may read the program's file */
  if (!own_mounts() || mount("none", "/proc", "tmpfs", 0, "mode=0700") != 0 ||
      setgid(65534) != 0 || setuid(65534) != 0)
    return child_cannot;
  EXPECT(toggles());
  EXPECT(toggles_at(HP_SAFEPOINT));
  EXPECT(toggles_at(HP_STRICT));
  EXPECT(refuses_at(HP_QUIESCENT, HP_UNSUPPORTED));
  EXPECT_SAYS("Permission denied");
  return child_good;
}

static int without_proc_and_mprotect(void)
{
  if (!own_mounts() || umount2("/proc", MNT_DETACH) != 0 ||
      !forbid(SYS_mprotect, PROT_EXEC))
    return child_cannot;
  EXPECT(refuses_at(HP_IMMEDIATE, HP_DENIED));
  EXPECT_SAYS("/proc/thread-self/mem");
  return child_good;
}

static int read_only_files(void)
{
  if (!own_mounts() ||
      mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) != 0)
    return child_cannot;
  EXPECT(toggles_at_every_level());
  return child_good;
}

/* An empty root: the program's file cannot be reached. */
static int in_an_empty_root(void)
{
  char root[] = "/tmp/hotpatch-empty.XXXXXX";
  if (mkdtemp(root) == NULL)
    return child_cannot;
  const int there = chroot(root) == 0 && chdir("/") == 0;
  if (!there) {
    rmdir(root);
    return child_cannot;
  }
  EXPECT(refuses_at(HP_IMMEDIATE, HP_UNREADABLE));
  EXPECT_SAYS("/proc/self/exe: No such file");
  return child_good;
}

static int in_an_empty_root_later(void)
{
  char root[] = "/tmp/hotpatch-empty.XXXXXX";
  EXPECT(toggles());
  if (mkdtemp(root) == NULL || chroot(root) != 0)
    return child_cannot;
  EXPECT(toggles());
  return child_good;
}

static void files(void)
{
  in_child(without_proc, "/proc is not mounted");
  in_child(unreadable_proc, "/proc cannot be read");
  in_child(without_proc_and_mprotect, "nor may text be made writable");
  in_child(read_only_files, "all files are read-only");
  in_child(in_an_empty_root, "the program's file cannot be reached");
  in_child(in_an_empty_root_later, "after it was read once it is not needed");
}

/* --- Privileges ----------------------------------------------------------- */

static int become_nobody(void)
{
  return setgid(65534) == 0 && setuid(65534) == 0;
}

static int as_nobody(void)
{
  EXPECT(toggles()); /* an executable that no user may read is another matter */
  if (!become_nobody())
    return child_cannot;
  EXPECT(toggles_at_every_level());
  return child_good;
}

static int not_dumpable(void)
{
  EXPECT(toggles());
  if (!become_nobody() || prctl(PR_SET_DUMPABLE, 0) != 0)
    return child_cannot;
  EXPECT(toggles_at_every_level());
  return child_good;
}

/* Its /proc/self/mem belongs to root. */
static int not_dumpable_nor_writable(void)
{
  if (!become_nobody() || prctl(PR_SET_DUMPABLE, 0) != 0 ||
      !forbid(SYS_mprotect, PROT_EXEC))
    return child_cannot;
  EXPECT(refuses_at(HP_IMMEDIATE, HP_DENIED));
  EXPECT_SAYS("/proc/thread-self/mem fails too (Permission denied)");
  return child_good;
}

/* What the kernel says of a thread then has a line of 22,000 bytes. */
static int in_many_groups(void)
{
  static gid_t groups[2000];
  pthread_t thread;
  sigset_t all;
  for (unsigned i = 0; i < 2000; i++)
    groups[i] = 1000000000 + i;
  if (setgroups(2000, groups) != 0)
    return child_cannot;
  EXPECT(toggles_at_every_level());
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, NULL);
  pthread_create(&thread, NULL, sleep_for_ever, NULL);
  while (!asleep)
    usleep(1000);
  EXPECT(refuses_at(HP_QUIESCENT, HP_BUSY));
  EXPECT_SAYS("(sleeper) blocks signal");
  return child_good;
}

static void privileges(void)
{
  in_child(in_many_groups, "a user in two thousand groups");
  in_child(as_nobody, "a user without privileges");
  in_child(not_dumpable, "a process that is not dumpable");
  in_child(not_dumpable_nor_writable, "and may not make text writable");
}

/* --- Limits --------------------------------------------------------------- */

static int set_limit(int resource, rlim_t soft)
{
  struct rlimit limit;
  getrlimit((__rlimit_resource_t)resource, &limit);
  limit.rlim_cur = soft;
  return setrlimit((__rlimit_resource_t)resource, &limit) == 0;
}

/* Works again as soon as the limit is gone. */
static int limited(int resource, rlim_t soft, hp_status expected,
                   const char* message)
{
  struct rlimit before;
  getrlimit((__rlimit_resource_t)resource, &before);
  if (!set_limit(resource, soft))
    return child_cannot;
  EXPECT(refuses_at(HP_IMMEDIATE, expected));
  EXPECT_SAYS(message);
  setrlimit((__rlimit_resource_t)resource, &before);
  EXPECT(toggles_at_every_level());
  return child_good;
}

static int no_descriptors(void)
{
  return limited(RLIMIT_NOFILE, 0, HP_UNREADABLE, "Too many open files");
}

static int no_descriptors_later(void)
{
  EXPECT(toggles());
  if (!set_limit(RLIMIT_NOFILE, 0))
    return child_cannot;
  EXPECT(toggles());
  EXPECT(refuses_at(HP_QUIESCENT, HP_UNSUPPORTED));
  EXPECT_SAYS("Too many open files");
  EXPECT(toggles_at(HP_STRICT));
  return child_good;
}

/* What malloc has left is enough for an immediate change, so a replacement is
 * far away, for which a page must be mapped. */
static int no_address_space(void)
{
  const unsigned char code[] = {0xb8, 42, 0, 0, 0, /* mov $42,%eax */
                                0xc3};             /* ret */
  int (*far)(int) = (int (*)(int))(uintptr_t)far_code(code, sizeof code);
  if (far == NULL)
    return child_cannot;
  EXPECT(toggles());
  if (!set_limit(RLIMIT_AS, 4096))
    return child_cannot;
  const struct text_bytes before = text_of_answer();
  EXPECT(change_answer(far, HP_IMMEDIATE) == HP_NO_MEMORY);
  EXPECT(text_is(before) && answer(1) == 2);
  EXPECT(set_limit(RLIMIT_AS, RLIM_INFINITY));
  EXPECT(change_answer(far, HP_IMMEDIATE) == HP_OK);
  EXPECT(answer(1) == 42);
  return child_good;
}

static int no_data(void)
{
  if (!set_limit(RLIMIT_DATA, 0))
    return child_cannot;
  /* Whether it is enough is the kernel's and malloc's affair. */
  const struct text_bytes before = text_of_answer();
  const hp_status status = change_answer(times_ten, HP_IMMEDIATE);
  EXPECT(status == HP_OK || status == HP_NO_MEMORY || status == HP_UNREADABLE ||
         status == HP_DENIED);
  EXPECT(status == HP_OK ? answer(1) == 10 : text_is(before));
  EXPECT(set_limit(RLIMIT_DATA, RLIM_INFINITY));
  EXPECT(status != HP_OK || hp_revert("answer") == HP_OK);
  EXPECT(toggles_at_every_level());
  return child_good;
}

static int small_files(void)
{
  signal(SIGXFSZ, SIG_DFL);
  if (!set_limit(RLIMIT_FSIZE, 0) || !forbid(SYS_mprotect, PROT_EXEC))
    return child_cannot;
  EXPECT(toggles_at_every_level());
  EXPECT(strcmp(hp_writer(), "proc-mem") == 0);
  return child_good;
}

static int no_queued_signals(void)
{
  pthread_t thread;
  pthread_create(&thread, NULL, sleep_for_ever, NULL);
  while (!asleep)
    usleep(1000);
  if (!set_limit(RLIMIT_SIGPENDING, 0))
    return child_cannot;
  EXPECT(toggles());
  EXPECT(toggles_at(HP_STRICT));
  EXPECT(refuses_at(HP_QUIESCENT, HP_BUSY));
  EXPECT_SAYS("RLIMIT_SIGPENDING");
  EXPECT(hp_set_stop_signal(SIGUSR2) == HP_OK); /* as the message says */
  EXPECT(toggles_at(HP_QUIESCENT));
  return child_good;
}

static int no_stack(void)
{
  if (!set_limit(RLIMIT_STACK, 64 * 1024))
    return child_cannot;
  EXPECT(toggles_at_every_level());
  return child_good;
}

static int locked_memory(void)
{
  if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
    return child_cannot;
  EXPECT(toggles_at_every_level());
  return child_good;
}

static void limits(void)
{
  in_child(no_descriptors, "RLIMIT_NOFILE: no descriptors");
  in_child(no_descriptors_later, "from now on");
  in_child(no_address_space, "RLIMIT_AS: no address space");
  in_child(no_data, "RLIMIT_DATA: no memory to write to");
  in_child(small_files, "RLIMIT_FSIZE: nothing may be written to files");
  in_child(no_queued_signals, "RLIMIT_SIGPENDING: no signal may wait");
  in_child(no_stack, "RLIMIT_STACK: a small stack");
  in_child(locked_memory, "all memory is locked");
}

int main(void)
{
  files();
  privileges();
  limits();
  return done_testing();
}
