/* The program's own text, and what it was.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HOTPATCH_TESTSUITE_OWN_TEXT_H
#define HOTPATCH_TESTSUITE_OWN_TEXT_H

#include <stdlib.h>
#include <string.h>

#include "testsuite/lib/own_maps.h"

extern const char __executable_start[];
extern const char etext[];
static char* text_copy;

static size_t text_size(void)
{
  return (size_t)(etext - __executable_start);
}

static void copy_text(void)
{
  text_copy = realloc(text_copy, text_size());
  memcpy(text_copy, __executable_start, text_size());
}

/* `excused` says where bytes may have changed. */
static int text_is_as_it_was(int (*excused)(const char* at))
{
  for (size_t i = 0; i < text_size(); i++)
    if (text_copy[i] != __executable_start[i] &&
        !excused(__executable_start + i))
      return 0;
  return 1;
}

/* No page that was executable is writable. */
static int text_is_protected(void)
{
  return mapped_parts(" rwx") == 0;
}

#endif
