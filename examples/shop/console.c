/* The operator's console: commands on standard input, one answer each.
 *
 *   apply SITE FILE SYMBOL   loads the shared object FILE and replaces the
 *                            function SITE by its function SYMBOL
 *   revert SITE              takes the replacement away
 *
 * SPDX-License-Identifier: MIT
 */
#include "shop.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

static void answer(hp_status status)
{
  if (status == HP_OK)
    puts("ok");
  else
    printf("%s: %s\n", hp_status_name(status), hp_error_message());
}

static void apply(const char* site, const char* file, const char* symbol)
{
  void* object = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  void* function = object != NULL ? dlsym(object, symbol) : NULL;
  if (function == NULL) {
    printf("error: %s\n", dlerror());
    return;
  }
  /* POSIX lets a function pointer be made of what dlsym returns; the detour
   * over its own bytes is how ISO C allows it, too. */
  hp_function replacement;
  memcpy(&replacement, &function, sizeof replacement);
  answer(hp_apply(site, replacement));
}

void run_console(void)
{
  char line[512];
  while (fgets(line, sizeof line, stdin) != NULL) {
    char site[128];
    char file[256];
    char symbol[128];
    if (sscanf(line, "apply %127s %255s %127s", site, file, symbol) == 3)
      apply(site, file, symbol);
    else if (sscanf(line, "revert %127s", site) == 1)
      answer(hp_revert(site));
    else
      puts("error: apply SITE FILE SYMBOL, or revert SITE");
    fflush(stdout);
  }
}
