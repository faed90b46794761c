/* The functions that the stress test calls and replaces; compiled twice, with
 * and without endbr64.  PREFIX tells the two apart.
 * SPDX-License-Identifier: MIT
 */
#include <hotpatch.h>

#define NAME2(prefix, number) prefix##_##number
#define NAME(prefix, number) NAME2(prefix, number)
/* So many sixteens of dead bytes after the beginning of a cache line (this
 * file keeps its order: -fno-toplevel-reorder), so that the words begin at
 * different places; after a symbol that keeps its own alignment a word is an
 * odd multiple of eight.  .fill, because .skip warns where there are none. */
#define SITE(number, alignment, sixteens)                          \
  __asm__(".text\n.p2align 6\n.fill 16 * " #sixteens ", 1, 0xcc"); \
  HP_PATCHABLE alignment int NAME(PREFIX, number)(int x);          \
  int NAME(PREFIX, number)(int x)                                  \
  {                                                                \
    return x + 1;                                                  \
  }
#define ITS_OWN __attribute__((aligned(16)))

SITE(0, , 0)
SITE(1, , 1)
SITE(2, , 2)
SITE(3, , 3)
SITE(4, ITS_OWN, 0)
SITE(5, ITS_OWN, 1)
SITE(6, ITS_OWN, 2)
SITE(7, ITS_OWN, 3)
