/* Hundreds of sites, near and far, changed one after the other and all of them
 * back; and all at once, for which few system calls must do.
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <hotpatch.h>

#include <stdarg.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "testsuite/lib/far_code.h"
#include "testsuite/lib/tap.h"

/* These stand before the C library's functions, also for shared objects. */
static int windows;
static int barriers;

static long raw_call(long number, long a, long b, long c)
{
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c)
                   : "rcx", "r11", "memory");
  return result;
}

int mprotect(void* address, size_t size, int protection)
{
  windows++;
  return raw_call(SYS_mprotect, (long)address, (long)size, protection) == 0
             ? 0
             : -1;
}

/* The library calls it for membarrier(2) only. */
long syscall(long number, ...)
{
  va_list arguments;
  va_start(arguments, number);
  const long a = va_arg(arguments, int);
  const long b = va_arg(arguments, int);
  va_end(arguments);
  barriers += number == SYS_membarrier;
  return raw_call(number, a, b, 0);
}

#define SITE(n)                     \
  HP_PATCHABLE int site_##n(int x); \
  int site_##n(int x)               \
  {                                 \
    return x + 1##n;                \
  }
/* clang-format off */
#define TEN(n) \
  SITE(n##0) SITE(n##1) SITE(n##2) SITE(n##3) SITE(n##4) \
  SITE(n##5) SITE(n##6) SITE(n##7) SITE(n##8) SITE(n##9)
#define HUNDRED(n) \
  TEN(n##0) TEN(n##1) TEN(n##2) TEN(n##3) TEN(n##4) \
  TEN(n##5) TEN(n##6) TEN(n##7) TEN(n##8) TEN(n##9)
/* clang-format on */
HUNDRED(0)
HUNDRED(1)
HUNDRED(2)
HUNDRED(3)
HUNDRED(4)
HUNDRED(5)
HUNDRED(6)

enum { sites = 700 };

static int near_replacement(int x)
{
  return -x;
}

static int call(int number, int x)
{
  char name[16];
  hp_site site;
  snprintf(name, sizeof name, "site_%03d", number);
  if (hp_site_find(name, &site) != HP_OK)
    return 0x7fffffff;
  return ((int (*)(int))(uintptr_t)site.symbol)(x);
}

/* Applies to every site, and tells how many then do `x` to 5. */
static int apply_all(int (*replacement)(int), int x)
{
  int good = 0;
  for (int i = 0; i < sites; i++) {
    char name[16];
    snprintf(name, sizeof name, "site_%03d", i);
    good += hp_apply(name, replacement) == HP_OK && call(i, 5) == x;
  }
  return good;
}

static int revert_all(void)
{
  int good = 0;
  for (int i = 0; i < sites; i++) {
    char name[16];
    snprintf(name, sizeof name, "site_%03d", i);
    good += hp_revert(name) == HP_OK;
  }
  return good;
}

/* In one transaction. */
static hp_status change_all(int (*replacement)(int), hp_level level)
{
  const hp_commit_options options = {sizeof(hp_commit_options), level, 0, 1000};
  hp_transaction* all = hp_begin();
  for (int i = 0; i < sites; i++) {
    char name[16];
    snprintf(name, sizeof name, "site_%03d", i);
    if (replacement != NULL)
      hp_add_apply(all, name, replacement);
    else
      hp_add_revert(all, name);
  }
  windows = barriers = 0;
  const hp_status status = hp_commit(all, &options);
  printf("# %d windows opened and closed, %d barriers\n", windows, barriers);
  return status;
}

static int all_give(int first, int step)
{
  int good = 0;
  for (int i = 0; i < sites; i++)
    good += call(i, 5) == first + i * step;
  return good == sites;
}

static void at_once(int (*far_one)(int))
{
  for (int level = HP_IMMEDIATE; level <= HP_QUIESCENT; level++) {
    IS(change_all(near_replacement, (hp_level)level), HP_OK, "all at once");
    OK(windows == (level == HP_STRICT ? 6 : 2),
       "through one window; strict takes one for the cells, and protects once "
       "what leads there");
    OK(barriers == (level == HP_STRICT      ? 3
                    : level == HP_QUIESCENT ? 0
                                            : 1),
       "with no more barriers than for one");
    OK(all_give(-5, 0), "to the near one");
    IS(change_all(far_one, (hp_level)level), HP_OK, "all at once");
    OK(windows <= (level == HP_STRICT ? 8 : 4),
       "through a window for the text and one for the cells");
    OK(all_give(15, 0), "to the far one");
    IS(change_all(NULL, (hp_level)level), HP_OK, "one step back");
    IS(change_all(NULL, (hp_level)level), HP_OK, "another one");
    OK(all_give(1005, 1), "all of them are original");
  }
}

int main(void)
{
  int originals = 0;
  int (*far_one)(int) = far_times_three();
  OK(hp_site_count() == sites, "hundreds of sites");
  OK(apply_all(near_replacement, -5) == sites, "all of them replaced");
  OK(far_one != NULL && apply_all(far_one, 15) == sites,
     "all of them by a far function");
  OK(revert_all() == sites, "all of them reverted");
  OK(call(sites - 1, 5) == -5, "to the near one");
  OK(revert_all() == sites, "and again");
  for (int i = 0; i < sites; i++)
    originals += call(i, 5) == 1005 + i;
  OK(originals == sites, "all of them are original");
  at_once(far_one);
  return done_testing();
}
