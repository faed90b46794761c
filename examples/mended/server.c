/* A server with a fault: it answers requests on its standard input, and loads
 * patch objects when it is asked to.
 *
 *     width 3 4        the greater one of two numbers
 *     load ./fix.so    applies a patch
 *     unload fix       takes it away
 *
 * Nothing in here says what may be replaced: the whole program is compiled with
 * -fplugin-arg-hotpatch-all.
 *
 * SPDX-License-Identifier: MIT
 */
#include <hotpatch.h>
#include <stdio.h>
#include <string.h>

#include "request.h"

static unsigned long answered;

/* The fault: it forgets that numbers can be negative. */
static int width_of(const struct request* r)
{
  answered++;
  return (unsigned)r->left > (unsigned)r->right ? r->left : r->right;
}

static void tell(const char* what, const char* name, hp_status status)
{
  printf("%s %s: %s\n", what, name,
         status == HP_OK ? "done" : hp_error_message());
}

static void serve(char* line)
{
  struct request r = {0, 0};
  char name[200];
  if (sscanf(line, "width %d %d", &r.left, &r.right) == 2)
    printf("width %d\n", width_of(&r));
  else if (sscanf(line, "load %199s", name) == 1)
    tell("load", name, hp_load(name, NULL));
  else if (sscanf(line, "unload %199s", name) == 1)
    tell("unload", name, hp_unload(name, NULL));
  else
    printf("answered %lu\n", answered);
  fflush(stdout);
}

int main(void)
{
  char line[256];
  while (fgets(line, sizeof line, stdin) != NULL)
    serve(line);
  return 0;
}
