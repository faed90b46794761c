/* One function taken through its whole life: called, replaced, its original
 * called, reverted.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HOTPATCH_TESTSUITE_OPTIONS_TRY_H
#define HOTPATCH_TESTSUITE_OPTIONS_TRY_H

#include <stdio.h>
#include <stdlib.h>

#include <hotpatch.h>

#define EXPECT(condition)                                                \
  do {                                                                   \
    if (!(condition)) {                                                  \
      printf("%s:%d: %s is false; %s\n", __FILE__, __LINE__, #condition, \
             hp_error_message());                                        \
      exit(1);                                                           \
    }                                                                    \
  } while (0)

/* `call` is an expression with the value `before` or, with `replacement` in
 * place of the function `name`, `after`. */
#define TRY(name, replacement, call, before, after)   \
  do {                                                \
    EXPECT((call) == (before));                       \
    EXPECT(hp_apply((name), (replacement)) == HP_OK); \
    EXPECT((call) == (after));                        \
    EXPECT(hp_original(name) != NULL);                \
    EXPECT(hp_revert(name) == HP_OK);                 \
    EXPECT((call) == (before));                       \
  } while (0)

static inline int print_site(const hp_site* site, void* data)
{
  (void)data;
  printf("site %s\n", site->name);
  return 0;
}

#endif
