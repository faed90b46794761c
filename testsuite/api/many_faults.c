/* Memory is refused at every step of a transaction for which the library's
 * tables have to grow, while some of the sites are replaced already: nothing
 * changes, and with memory all of it works.
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <sys/wait.h>

#include <hotpatch.h>

#include "testsuite/lib/faulty_system.h"
#include "testsuite/lib/own_text.h"
#include "testsuite/lib/tap.h"

/* Two hundred functions: subject_100 to subject_299, which add their number. */
#define ONE(n)                        \
  HP_PATCHABLE int subject_##n(int x) \
  {                                   \
    return x + n;                     \
  }
#define ENTRY(n) {"subject_" #n, subject_##n},
#define TEN(what, n)                                                           \
  what(n##0) what(n##1) what(n##2) what(n##3) what(n##4) what(n##5) what(n##6) \
      what(n##7) what(n##8) what(n##9)
#define HUNDRED(what, n) \
  TEN(what, n##0)        \
  TEN(what, n##1)        \
  TEN(what, n##2)        \
  TEN(what, n##3)        \
  TEN(what, n##4)        \
  TEN(what, n##5)        \
  TEN(what, n##6) TEN(what, n##7) TEN(what, n##8) TEN(what, n##9)

HUNDRED(ONE, 1)
HUNDRED(ONE, 2)

static const struct {
  const char* name;
  int (*call)(int x);
} subjects[] = {HUNDRED(ENTRY, 1) HUNDRED(ENTRY, 2)};

enum { some = 50, all = sizeof subjects / sizeof *subjects };

static int times_ten(int x)
{
  return x * 10;
}
static int times_twenty(int x)
{
  return x * 20;
}

static hp_status apply(int count, int (*replacement)(int), long fault, int* hit)
{
  hp_transaction* steps = hp_begin();
  for (int i = 0; i < count; i++)
    hp_add_apply(steps, subjects[i].name, replacement);
  begin_faults(fault);
  const hp_status status = hp_commit(steps, NULL);
  *hit = end_faults();
  if (status != HP_OK)
    hp_abort(steps);
  return status;
}

/* The first ones return the product, the others their sums. */
static int as_expected(int replaced, int product)
{
  for (int i = 0; i < all; i++)
    if (subjects[i].call(1) != (i < replaced ? product : 101 + i))
      return 0;
  return 1;
}

static int nowhere(const char* at)
{
  return at == NULL;
}

static int one_fault(long number, int* hit)
{
  int none;
  if (apply(some, times_ten, 0, &none) != HP_OK || !as_expected(some, 10))
    return 1;
  copy_text();
  hp_status status = apply(all, times_twenty, number, hit);
  if (!text_is_protected())
    return 1;
  if (status != HP_OK) {
    if (!*hit || status != HP_NO_MEMORY || !text_is_as_it_was(nowhere) ||
        !as_expected(some, 10)) {
      printf("# %s\n", hp_error_message());
      return 1;
    }
    status = apply(all, times_twenty, 0, &none);
  }
  return status != HP_OK || !as_expected(all, 20) || hp_revert_all() != HP_OK ||
         !as_expected(0, 0);
}

static int every_fault(enum fault kind)
{
  return every_first_fault(one_fault, kind);
}

int main(void)
{
  in_faulty_child(every_fault, allocations, "no memory while the tables grow");
  return done_testing();
}
