/* The numbers, names and texts of the statuses never change.
 * SPDX-License-Identifier: MIT
 */
#include <hotpatch.h>

#include "testsuite/lib/tap.h"

static void pinned(hp_status status, int number, const char* name)
{
  OK((int)status == number && strcmp(hp_status_name(status), name) == 0 &&
         strlen(hp_strerror(status)) > 5,
     name);
}

int main(void)
{
  pinned(HP_OK, 0, "HP_OK");
  pinned(HP_INVALID, 1, "HP_INVALID");
  pinned(HP_NOT_FOUND, 2, "HP_NOT_FOUND");
  pinned(HP_AMBIGUOUS, 3, "HP_AMBIGUOUS");
  pinned(HP_PROTOTYPE, 4, "HP_PROTOTYPE");
  pinned(HP_NOT_EXECUTABLE, 5, "HP_NOT_EXECUTABLE");
  pinned(HP_FOREIGN, 6, "HP_FOREIGN");
  pinned(HP_MALFORMED, 7, "HP_MALFORMED");
  pinned(HP_UNREADABLE, 8, "HP_UNREADABLE");
  pinned(HP_NO_MEMORY, 9, "HP_NO_MEMORY");
  pinned(HP_DENIED, 10, "HP_DENIED");
  pinned(HP_NOT_APPLIED, 11, "HP_NOT_APPLIED");
  pinned(HP_BUSY, 12, "HP_BUSY");
  pinned(HP_UNSUPPORTED, 13, "HP_UNSUPPORTED");
  pinned(HP_INTERNAL, 14, "HP_INTERNAL");
  pinned(HP_APPLIED, 15, "HP_APPLIED");
  pinned(HP_OLDER, 16, "HP_OLDER");
  pinned(HP_MISSING, 17, "HP_MISSING");
  pinned(HP_NEEDED, 18, "HP_NEEDED");
  pinned(HP_VETOED, 19, "HP_VETOED");
  pinned(HP_LAYOUT, 20, "HP_LAYOUT");
  pinned(HP_OTHER_BUILD, 21, "HP_OTHER_BUILD");
  pinned(HP_INLINED, 22, "HP_INLINED");
  OK(strcmp(hp_status_name((hp_status)999), "HP_?") == 0, "unknown number");
  OK(strlen(hp_strerror((hp_status)-1)) > 5, "negative number");
  OK(strcmp(hp_version(), "") != 0, "the library has a version");
  return done_testing();
}
