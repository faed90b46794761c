// Sites of every kind that C has; compiled with -all.
// SPDX-License-Identifier: MIT
#include "subject.h"

#include <stdarg.h>

int add_one(int x)
{
  return x + 1;
}

static int hidden(int x)
{
  return x * 2;
}

int call_hidden(int x)
{
  return hidden(x) + hidden(x + 1);
}

int sum(int count, ...)
{
  int total = 0;
  va_list arguments;
  va_start(arguments, count);
  while (count-- > 0)
    total += va_arg(arguments, int);
  va_end(arguments);
  return total;
}

// Nothing calls it: --gc-sections drops the code and the record.
int unreferenced(void)
{
  return 5;
}
