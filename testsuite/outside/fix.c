/* The patch for target.c: functions, a static and a thread-local variable.
 *
 * SPDX-License-Identifier: MIT
 */
#include <hotpatch.h>

#ifndef VERSION
#define VERSION 1
#endif

HP_PATCH("fix", VERSION, "Ten times as much");

#ifdef LEVEL
HP_PATCH_LEVEL(LEVEL);
#endif

#ifdef BUILD
HP_PATCH_BUILD(BUILD);
#endif

extern int counter HP_IMPORT("target.c:counter");

extern int second(int x) HP_IMPORT("target.c:second");

HP_REPLACES("first") int fixed_first(int x)
{
  ++counter;
  return 10000 * (x + 1) + second(x);
}

HP_REPLACES("target.c:second") int fixed_second(int x)
{
  return 10 * x + VERSION * 110;
}
