/* Replaces functions that an option of the compiler has prepared for another
 * tool. An argument: they need the level quiescent.
 *
 * SPDX-License-Identifier: MIT */
#include <hotpatch.h>

#include <string.h>

#include "testsuite/lib/tap.h"

__attribute__((noinline)) int add_seven(int x)
{
  return x + 7;
}
__attribute__((noinline)) int polynomial(int x)
{
  return x * x * x + 3 * x * x - 5 * x + 11;
}

static int other(int x)
{
  return x + 1000;
}

static hp_status change(const char* name, int to_other, hp_level level)
{
  const hp_commit_options options = {sizeof options, level, 0, 2000};
  hp_transaction* steps = hp_begin();
  if (to_other)
    hp_add_apply_flags(steps, name, other,
                       HP_ALLOW_UNPREPARED | HP_ANY_PROTOTYPE);
  else
    hp_add_revert(steps, name);
  const hp_status status = hp_commit(steps, &options);
  if (status != HP_OK)
    hp_abort(steps);
  return status;
}

int main(int argc, char** argv)
{
  (void)argv;
  const hp_level level = argc > 1 ? HP_QUIESCENT : HP_IMMEDIATE;
  int (*volatile const seven)(int) = add_seven;
  int (*volatile const longer)(int) = polynomial;
  const unsigned char* code = (const unsigned char*)(size_t)add_seven;
  unsigned char before[32];
  memcpy(before, code, sizeof before);
  for (int round = 0; round < 3; ++round) {
    IS(change("add_seven", 1, level), HP_OK, "a function is replaced");
    IS(change("polynomial", 1, level), HP_OK, "and another one");
    OK(seven(1) == 1001 && longer(2) == 1002, "calls enter the replacement");
    int (*const original)(int) = (int (*)(int))hp_original("polynomial");
    OK(original != NULL && original(2) == 21, "the original is callable");
    IS(change("add_seven", 0, level), HP_OK, "the first is reverted");
    IS(change("polynomial", 0, level), HP_OK, "and the other one");
    OK(seven(1) == 8 && longer(2) == 21, "calls enter the originals");
    OK(memcmp(before, code, sizeof before) == 0, "every byte is as it was");
  }
  return done_testing();
}
