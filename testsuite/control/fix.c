/* The patch for offer.c.
 *
 * SPDX-License-Identifier: MIT
 */
#include <hotpatch.h>

#ifndef VERSION
#define VERSION 1
#endif

HP_PATCH("fix", VERSION, "Ten times as much");

extern int counter HP_IMPORT("offer.c:counter");
extern int second(int x) HP_IMPORT("offer.c:second");

HP_REPLACES("first") static int fixed_first(int x)
{
  ++counter;
  return 10000 * (x + 1) + second(x);
}

HP_REPLACES("offer.c:second") static int fixed_second(int x)
{
  return 10 * x + VERSION * 110;
}
