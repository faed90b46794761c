/* What hp-apply puts into redis: strings may not grow beyond 64 bytes.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server.h"

#include <hotpatch.h>

HP_PATCH("short-strings", 1, "Strings do not grow beyond 64 bytes");

extern int original_check(client* c, long long size, long long append)
    HP_ORIGINAL("t_string.c:checkStringLength");

HP_REPLACES("t_string.c:checkStringLength")
int new_check(client* c, long long size, long long append)
{
  if (size + append > 64) {
    addReplyError(c, "strings are short today");
    return C_ERR;
  }
  return original_check(c, size, append);
}
