/* TAP from C and C++ programs: one line per check, with the place when it
 * fails.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HOTPATCH_TESTSUITE_TAP_H
#define HOTPATCH_TESTSUITE_TAP_H

#include <stdio.h>
#include <string.h>

static int tap_count;
static int tap_failed;

/* OK(condition, "what holds then") */
#define OK(condition, name) tap_ok((condition) != 0, (name), __FILE__, __LINE__)
#define SKIP(name, reason) \
  printf("ok %d - %s # SKIP %s\n", ++tap_count, (name), (reason))

/* IS(status, HP_OK, "name"): shows the library's words when it fails. */
#define IS(status, expected, name)                                          \
  do {                                                                      \
    const hp_status is_status_ = (status);                                  \
    tap_ok(is_status_ == (expected), (name), __FILE__, __LINE__);           \
    if (is_status_ != (expected))                                           \
      printf("# %s: %s\n", hp_status_name(is_status_), hp_error_message()); \
  } while (0)

/* The last failure's words contain `text`. */
#define SAYS(text, name)                                             \
  do {                                                               \
    const int says_it_ = strstr(hp_error_message(), (text)) != NULL; \
    tap_ok(says_it_, (name), __FILE__, __LINE__);                    \
    if (!says_it_)                                                   \
      printf("# the message is: %s\n", hp_error_message());          \
  } while (0)

static inline void tap_ok(int passed, const char* name, const char* file,
                          int line)
{
  if (!passed) {
    tap_failed++;
    printf("# %s:%d\n", file, line);
  }
  printf("%s %d - %s\n", passed ? "ok" : "not ok", ++tap_count, name);
  fflush(stdout);
}

static inline int done_testing(void)
{
  printf("1..%d\n", tap_count);
  return tap_failed != 0;
}

#endif
