/* The functions that the stress test calls and replaces; compiled twice, with
 * and without endbr64.  PREFIX tells the two apart.
 * SPDX-License-Identifier: MIT
 */
#include <hotpatch.h>

#define NAME2(prefix, number) prefix##_##number
#define NAME(prefix, number) NAME2(prefix, number)
#define SITE(number)                            \
  HP_PATCHABLE int NAME(PREFIX, number)(int x); \
  int NAME(PREFIX, number)(int x)               \
  {                                             \
    return x + 1;                               \
  }

SITE(0)
SITE(1)
SITE(2)
SITE(3)
SITE(4)
SITE(5)
SITE(6)
SITE(7)
