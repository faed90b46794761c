/* What many tests replace, and what takes its place: three functions of which
 * every result tells which code was run.
 * SPDX-License-Identifier: MIT
 */
#ifndef HOTPATCH_TESTSUITE_THREE_FUNCTIONS_H
#define HOTPATCH_TESTSUITE_THREE_FUNCTIONS_H

#include <hotpatch.h>

HP_PATCHABLE int first(int x)
{
  return x + 1;
}
HP_PATCHABLE int second(int x)
{
  return x + 2;
}
HP_PATCHABLE int third(int x)
{
  return x + 3;
}

/* A test may need only some of them. */
__attribute__((unused)) static int times_ten(int x)
{
  return x * 10;
}
__attribute__((unused)) static int times_twenty(int x)
{
  return x * 20;
}

#endif
