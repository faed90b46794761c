// Replaces the functions of subject.c one after the other.
// SPDX-License-Identifier: MIT
#include "subject.h"
#include "try.h"

static int add_hundred(int x)
{
  int (*original)(int) = (int (*)(int))hp_original("add_one");
  return original(x) + 99;
}

static int triple(int x)
{
  return x * 3;
}

static int count_only(int count, ...)
{
  return count;
}

int main(void)
{
  hp_site_each(print_site, NULL);
  TRY("add_one", add_hundred, add_one(1), 2, 101);
  TRY("subject.c:hidden", triple, call_hidden(1), 6, 9);
  TRY("sum", count_only, sum(3, 4, 5, 6), 15, 3);
  return 0;
}
