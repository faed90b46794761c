/* What this process has mapped.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HOTPATCH_TESTSUITE_OWN_MAPS_H
#define HOTPATCH_TESTSUITE_OWN_MAPS_H

#include <stdio.h>
#include <string.h>

/* How many lines of /proc/self/maps contain the text; -1: it cannot be read. */
static inline int mapped_parts(const char* text)
{
  char line[4096];
  int found = 0;
  FILE* const maps = fopen("/proc/self/maps", "r");
  if (maps == NULL)
    return -1;
  while (fgets(line, sizeof line, maps) != NULL)
    found += strstr(line, text) != NULL;
  fclose(maps);
  return found;
}

#endif
