/* The patch for outside.c.
 *
 * SPDX-License-Identifier: MIT
 */
#include <hotpatch.h>

HP_PATCH("outside", 1, "Other sums");

HP_REPLACES("first") int new_first(int x)
{
  return x + 1;
}

HP_REPLACES("second") int new_second(int x)
{
  return x + 2;
}
