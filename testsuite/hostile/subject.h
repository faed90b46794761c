/* A function that is replaced under difficulties, and every level of doing so.
 * SPDX-License-Identifier: MIT
 */
#ifndef HOTPATCH_TESTSUITE_HOSTILE_SUBJECT_H
#define HOTPATCH_TESTSUITE_HOSTILE_SUBJECT_H

#include <hotpatch.h>

#include <stdint.h>
#include <string.h>

HP_PATCHABLE int answer(int x)
{
  return x + 1;
}
static int times_ten(int x)
{
  return x * 10;
}

/* The text of the function, to be compared with what it was. */
struct text_bytes {
  unsigned char bytes[16];
};
static inline struct text_bytes text_of_answer(void)
{
  struct text_bytes text;
  const unsigned char* from = (const unsigned char*)(uintptr_t)answer;
  for (unsigned i = 0; i < sizeof text.bytes; i++)
    text.bytes[i] = *(const volatile unsigned char*)(from + i);
  return text;
}
static inline int text_is(struct text_bytes before)
{
  const struct text_bytes now = text_of_answer();
  return memcmp(now.bytes, before.bytes, sizeof now.bytes) == 0;
}

static inline hp_status change_answer(int (*to)(int), hp_level level)
{
  const hp_commit_options options = {sizeof(hp_commit_options), level, 0, 2000};
  hp_transaction* all = hp_begin();
  if (all == NULL)
    return HP_NO_MEMORY;
  if (to != NULL)
    hp_add_apply(all, "answer", to);
  else
    hp_add_revert(all, "answer");
  const hp_status status = hp_commit(all, &options);
  if (status != HP_OK)
    hp_abort(all);
  return status;
}

/* All calls from one place: who keeps translations of code has one of it. */
static inline int asked(void)
{
  static int (*volatile function)(int) = answer;
  return function(1);
}

static inline int toggles_at(hp_level level)
{
  return change_answer(times_ten, level) == HP_OK && asked() == 10 &&
         change_answer(NULL, level) == HP_OK && asked() == 2;
}

static inline int toggles(void)
{
  return toggles_at(HP_IMMEDIATE);
}

static inline int toggles_at_every_level(void)
{
  return toggles_at(HP_IMMEDIATE) && toggles_at(HP_STRICT) &&
         toggles_at(HP_QUIESCENT) && toggles_at(HP_SAFEPOINT);
}

/* It is refused, and not a byte has changed. */
static inline int refuses_at(hp_level level, hp_status expected)
{
  const struct text_bytes before = text_of_answer();
  return change_answer(times_ten, level) == expected && answer(1) == 2 &&
         text_is(before);
}

#endif
