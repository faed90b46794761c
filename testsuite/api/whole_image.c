/* All sites of an image with a hundred thousand of them in one commit: how many
 * system calls that takes, and how the work grows with the number of sites.
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <hotpatch.h>

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "testsuite/hostile/child.h"
#include "testsuite/lib/far_code.h"
#include "testsuite/lib/own_calls.h"

enum { all_sites = 100000, few_sites = 10000 };

static int near_replacement(void)
{
  return -1;
}
static int (*far_replacement)(void);

static void make_far_replacement(void)
{
  static const unsigned char code[] = {0x31, 0xc0, /* xor %eax,%eax */
                                       0xc3};      /* ret */
  far_replacement = (int (*)(void))(uintptr_t)far_code(code, sizeof code);
}

/* --- Transactions over many sites ------------------------------------------
 */

struct selection {
  hp_transaction* transaction;
  int (*replacement)(void);
  long left;
};

static int add_site(const hp_site* site, void* data)
{
  struct selection* selection = data;
  if (selection->left-- == 0)
    return 1;
  return hp_add_apply(selection->transaction, site->name,
                      selection->replacement) != HP_OK;
}

static hp_transaction* patch_of(long sites, int (*replacement)(void))
{
  hp_patch_info info = {0};
  struct selection selection = {hp_begin(), replacement, sites};
  info.name = "all";
  hp_add_patch(selection.transaction, &info);
  hp_site_each(add_site, &selection);
  return selection.transaction;
}
static hp_transaction* removal(void)
{
  hp_transaction* all = hp_begin();
  hp_add_remove_patch(all, "all");
  return all;
}

/* How many of them are replaced. */
static uint32_t replaced(void)
{
  hp_patch patch;
  return hp_patch_find("all", &patch) == HP_OK ? patch.active : 0;
}

/* --- Counting system calls -------------------------------------------------
 */

struct counts {
  long all;
  long protections;
  long barriers;
  long mappings;
};

enum { refused = 77 };

/* Where there is only one thread, no barrier is needed. */
static void* wait_for_ever(void* unused)
{
  for (;;)
    pause();
  return unused;
}
static void begin_thread(void)
{
  pthread_t other;
  if (pthread_create(&other, NULL, wait_for_ever, NULL) != 0)
    _exit(5);
}

static void count_call(struct counts* counts, long number)
{
  counts->all++;
  counts->protections += number == SYS_mprotect;
  counts->barriers += number == SYS_membarrier;
  counts->mappings += number == SYS_mmap || number == SYS_mremap;
}

/* What a child does between two calls of getppid(), which nobody else makes.
 * 0: tracing is refused here. */
static int count_calls(void (*body)(void), struct counts* counts)
{
  int status = 0;
  int counting = 0;
  int entering = 1;
  memset(counts, 0, sizeof *counts);
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
      _exit(refused);
    begin_thread();
    raise(SIGSTOP);
    body();
    _exit(0);
  }
  waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == refused)
    return 0;
  ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACESYSGOOD);
  while (ptrace(PTRACE_SYSCALL, child, NULL, NULL) == 0 &&
         waitpid(child, &status, 0) == child && WIFSTOPPED(status)) {
    struct user_regs_struct registers;
    if (WSTOPSIG(status) != (SIGTRAP | 0x80))
      continue;
    entering = !entering;
    if (entering)
      continue;
    ptrace(PTRACE_GETREGS, child, NULL, &registers);
    const long number = (long)registers.orig_rax;
    if (number == SYS_getppid) {
      counting = !counting;
    } else if (counting) {
      count_call(counts, number);
    }
  }
  OK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child has done it");
  printf("# %ld system calls: mprotect %ld, membarrier %ld, mmap %ld\n",
         counts->all, counts->protections, counts->barriers, counts->mappings);
  return 1;
}

static hp_level level;
static int (*replacement)(void);

static void commit(hp_transaction* all)
{
  const hp_commit_options options = {sizeof(hp_commit_options), level, 0, 5000};
  syscall(SYS_getppid);
  const hp_status status = hp_commit(all, &options);
  syscall(SYS_getppid);
  if (status != HP_OK)
    _exit(1);
}
static void apply_all(void)
{
  commit(patch_of(all_sites, replacement));
  if (replaced() != all_sites)
    _exit(2);
}
static void remove_all(void)
{
  if (hp_commit(patch_of(all_sites, replacement), NULL) != HP_OK)
    _exit(3);
  commit(removal());
  if (replaced() != 0)
    _exit(4);
}

/* For comparison: as many commits as sites. */
static int apply_alone(const hp_site* site, void* data)
{
  long* left = data;
  return (*left)-- == 0 || hp_apply(site->name, near_replacement) != HP_OK;
}
static void apply_one_by_one(void)
{
  long left = few_sites;
  syscall(SYS_getppid);
  hp_site_each(apply_alone, &left);
  syscall(SYS_getppid);
}

static void few_system_calls(void)
{
  struct counts counts;
  for (int each = 0; each < 2; each++) {
    level = each == 0 ? HP_IMMEDIATE : HP_QUIESCENT;
    replacement = near_replacement;
    if (!count_calls(apply_all, &counts)) {
      SKIP("few system calls", "ptrace(2) is refused");
      return;
    }
    OK(counts.protections == 2, "one window for a hundred thousand sites");
    OK(counts.barriers == (level == HP_IMMEDIATE), "one barrier, or none");
    /* Most of them get memory: for each site its state and its stacks. */
    OK(counts.all < all_sites / 200, "and few system calls besides");
    count_calls(remove_all, &counts);
    OK(counts.protections == 2 && counts.all < all_sites / 200, "and back");
    replacement = far_replacement;
    count_calls(apply_all, &counts);
    OK(counts.barriers == 2 * (level == HP_IMMEDIATE),
       "two barriers where pads are written");
    OK(counts.protections <= 8, "a window for the text and few for the cells");
  }
  count_calls(apply_one_by_one, &counts);
  OK(counts.protections == 2 * few_sites && counts.barriers == few_sites,
     "one by one it is a window and a barrier each, which is seen");
}

static struct counts own_counts;
static int count_own(long number)
{
  count_call(&own_counts, number);
  return 0;
}
static int strict_counted(hp_transaction* all)
{
  const hp_commit_options options = {sizeof(hp_commit_options), HP_STRICT, 0,
                                     5000};
  memset(&own_counts, 0, sizeof own_counts);
  if (!own_calls_listen(count_own))
    return child_cannot;
  const hp_status status = hp_commit(all, &options);
  own_calls_stop();
  printf("# %ld system calls: mprotect %ld, membarrier %ld, mmap %ld\n",
         own_counts.all, own_counts.protections, own_counts.barriers,
         own_counts.mappings);
  EXPECT(status == HP_OK);
  EXPECT(own_counts.all < all_sites / 100);
  return child_good;
}
static int few_strict_calls(void)
{
  begin_thread();
  for (int each = 0; each < 2; each++) {
    const int far = each == 1;
    const int outcome = strict_counted(
        patch_of(all_sites, far ? far_replacement : near_replacement));
    if (outcome != child_good)
      return outcome;
    /* A window for the text, few for the cells, and what leads there is
     * protected once. */
    EXPECT(own_counts.protections <= 16);
    /* The first barrier is a trial, before anything is written; then there is
     * one after the words that lead through the pads, and one after the last
     * ones; pads are written the first time. */
    EXPECT(own_counts.barriers == (far ? 3 : 4));
    EXPECT(replaced() == all_sites);
    EXPECT(strict_counted(removal()) == child_good);
    EXPECT(own_counts.protections <= 16);
    EXPECT(own_counts.barriers == 3);
    EXPECT(replaced() == 0);
  }
  return child_good;
}

/* --- How the work grows ----------------------------------------------------
 */

static double cpu_milliseconds(void)
{
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

/* The least of three, since other processes disturb the caches. */
static double cost(long sites, int (*with)(void), int* good)
{
  double least = 1e9;
  for (int i = 0; i < 3; i++) {
    hp_transaction* all = patch_of(sites, with);
    const double start = cpu_milliseconds();
    *good = *good && hp_commit(all, NULL) == HP_OK &&
            hp_commit(removal(), NULL) == HP_OK;
    const double took = cpu_milliseconds() - start;
    least = took < least ? took : least;
  }
  return least;
}

static void grows_slowly(int (*with)(void), const char* name)
{
  int good = 1;
  const double few = cost(few_sites, with, &good);
  const double many = cost(all_sites, with, &good);
  printf("# %d sites: %.1f ms, %d sites: %.1f ms\n", few_sites, few, all_sites,
         many);
  OK(good, "all commits succeed");
  /* Ten times the sites: n log n makes 12.5 times the work, n * n a hundred. */
  OK(many < 40 * few, name);
}

int main(void)
{
  make_far_replacement();
  OK(hp_site_count() == all_sites, "a hundred thousand sites");
  /* This finds out how, before anything is counted. */
  OK(strcmp(hp_writer(), "none") != 0, "text can be written");
  few_system_calls();
  in_child(few_strict_calls, "strict: few barriers, few system calls");
  grows_slowly(near_replacement, "near: not as the square");
  grows_slowly(far_replacement, "far: not as the square");
  return done_testing();
}
