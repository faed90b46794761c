/* The system fails the library at every step of a commit, one after the other:
 * after each failure the program's text is byte for byte what it was.
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <hotpatch.h>

#include <stdint.h>
#include <sys/wait.h>

#include "testsuite/lib/far_code.h"
#include "testsuite/lib/faulty_system.h"
#include "testsuite/lib/own_text.h"
#include "testsuite/lib/tap.h"
#include "testsuite/lib/three_functions.h"

/* --- What is changed ------------------------------------------------------ */

static int (*far_one)(int);

static int originals(void)
{
  return first(1) == 2 && second(1) == 3 && third(1) == 4;
}
static int replacements(void)
{
  return first(1) == 3 && second(1) == 10 && third(1) == 3;
}

static hp_transaction* to_replacements(void)
{
  hp_transaction* all = hp_begin();
  hp_add_apply(all, "first", far_one);
  hp_add_apply(all, "second", times_ten);
  hp_add_apply(all, "third", far_one);
  return all;
}
static hp_transaction* to_originals(void)
{
  hp_transaction* all = hp_begin();
  hp_add_revert_all(all);
  return all;
}

/* In the dead bytes before a function, where a jump may stay that a thread may
 * be in: the first bytes of the words are written one after the other, and
 * threads follow each at once. */
static int is_pad(const char* at)
{
  const char* const symbols[] = {(const char*)(uintptr_t)first,
                                 (const char*)(uintptr_t)second};
  const int writes_fail =
      failing == writes || (failing == system_calls && refuse_rwx);
  for (unsigned i = 0; i < sizeof symbols / sizeof *symbols; i++)
    if (writes_fail && at < symbols[i] && symbols[i] - at <= 7)
      return 1;
  return 0;
}

/* --- Faults one after the other ------------------------------------------- */

static hp_level level;

static hp_status commit_with_fault(hp_transaction* all, long number, int* hit)
{
  const hp_commit_options options = {sizeof(hp_commit_options), level, 0, 1000};
  begin_faults(number);
  const hp_status status = hp_commit(all, &options);
  *hit = end_faults();
  if (status != HP_OK)
    hp_abort(all);
  return status;
}

static int complain(const char* what, const char* way, long number,
                    hp_status status)
{
  printf("# fault %ld on the way %s: %s (%s: %s)\n", number, way, what,
         hp_status_name(status), status == HP_OK ? "" : hp_error_message());
  return 1;
}

struct way {
  hp_transaction* (*there)(void);
  hp_transaction* (*back)(void);
  int (*before)(void);
  int (*after)(void);
  const char* name;
};
static const struct way going = {to_replacements, to_originals, originals,
                                 replacements, "there"};
static const struct way returning = {to_originals, to_replacements,
                                     replacements, originals, "back"};

static long refused; /* commits */

/* 0: all was well. */
static int one_fault(const struct way* way, long number, int* hit)
{
  const hp_commit_options immediate = {sizeof(hp_commit_options), HP_IMMEDIATE,
                                       0, 0};
  copy_text();
  const hp_status status = commit_with_fault(way->there(), number, hit);
  if (!text_is_protected())
    return complain("text is still writable", way->name, number, status);
  if (status != HP_OK) {
    refused++;
    if (!*hit || status == HP_INTERNAL || *hp_error_message() == '\0')
      return complain("the wrong failure", way->name, number, status);
    if (!text_is_as_it_was(is_pad))
      return complain("text has changed", way->name, number, status);
    if (!way->before())
      return complain("calls go elsewhere", way->name, number, status);
    return 0;
  }
  if (!way->after())
    return complain("calls do not go there", way->name, number, status);
  if (hp_commit(way->back(), &immediate) != HP_OK || !way->before())
    return complain("it cannot be undone", way->name, number, status);
  return 0;
}

/* Every fault on the way, in a process whose library knows all by now what it
 * has to find out only once. */
static int every_fault(const struct way* way)
{
  for (long number = 1;; number++) {
    int hit;
    if (one_fault(way, number, &hit) != 0)
      return 1;
    if (!hit)
      return 0;
  }
}

static int works_again(void)
{
  const hp_commit_options options = {sizeof(hp_commit_options), level, 0, 1000};
  const hp_status status = hp_commit(to_replacements(), &options);
  return (status == HP_OK && replacements()) ||
         !complain("nothing works any more", "there", 0, status);
}

static int one_first_fault(long number, int* hit)
{
  return one_fault(&going, number, hit) != 0 ||
         (refused != 0 && !works_again());
}

/* In a child, where the library has done nothing yet. */
static int both_ways(enum fault kind)
{
  failing = kind;
  if (every_first_fault(one_first_fault, kind) != 0)
    return 1;
  if (every_fault(&going) != 0)
    return 1;
  if (hp_commit(to_replacements(), NULL) != HP_OK)
    return 1;
  if (every_fault(&returning) != 0)
    return 1;
  printf("# %ld commits failed\n", refused);
  return 0;
}

/* How a child fares in which a change fails from its call `number` on. */
enum outcome { sound, unsound, not_hit, told_of };
static enum outcome fail_from(long number,
                              enum outcome (*judge)(hp_status result, int hit))
{
  int status = 0;
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    int hit = 0;
    const hp_status result = commit_with_fault(to_replacements(), number, &hit);
    _exit(judge(result, hit));
  }
  waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) != unsound)
    return (enum outcome)WEXITSTATUS(status);
  printf("# fault %ld: %#x\n", number, (unsigned)status);
  return unsound;
}

/* From some write on nothing can be written, not even back: every call still
 * enters an old function or a new one. */
static enum outcome after_lost_writes(hp_status result, int hit)
{
  (void)hit;
  const int a = first(1);
  const int b = second(1);
  const int c = third(1);
  if (result == HP_OK)
    return replacements() ? not_hit : unsound;
  return (a == 2 || a == 3) && (b == 3 || b == 10) && (c == 4 || c == 3)
             ? sound
             : unsound;
}
static int nothing_more_can_be_written(enum fault kind)
{
  failing = kind;
  fails_on = 1;
  enum outcome each = sound;
  for (long number = 1; each == sound; number++)
    each = fail_from(number, after_lost_writes);
  return each == unsound;
}

static int told_of_open_text;
static void listen(hp_log_level each, const char* message, void* data)
{
  (void)each, (void)data;
  told_of_open_text |= strstr(message, "it stays writable") != NULL;
}

/* From some change of protection on none is possible: text that stays writable
 * is told of. */
static enum outcome after_lost_protection(hp_status result, int hit)
{
  const int good = result == HP_OK ? replacements() : originals();
  if (!good || told_of_open_text == text_is_protected())
    return unsound;
  if (told_of_open_text)
    return told_of;
  return hit ? sound : not_hit;
}
static int nothing_more_can_be_protected(enum fault kind)
{
  int told = 0;
  failing = kind;
  fails_on = 1;
  hp_set_log(listen, NULL);
  enum outcome each = sound;
  for (long number = 1; each != unsound && each != not_hit; number++) {
    each = fail_from(number, after_lost_protection);
    told += each == told_of;
  }
  return each == unsound || told == 0;
}

/* At the level and with the writer of the moment. */
static void in_child(int (*body)(enum fault), enum fault kind, const char* what)
{
  static const char* const level_names[] = {"immediate", "strict", "quiescent",
                                            "safe point"};
  char name[128];
  snprintf(name, sizeof name, "%s, %s, %s", level_names[level],
           refuse_rwx ? "/proc/self/mem" : "rwx window", what);
  in_faulty_child(body, kind, name);
}

int main(void)
{
  far_one = far_times_three();
  for (refuse_rwx = 0; refuse_rwx < 2; refuse_rwx++)
    for (int each = HP_IMMEDIATE; each <= HP_SAFEPOINT; each++) {
      level = (hp_level)each;
      in_child(both_ways, mprotects, "mprotect fails");
      in_child(both_ways, mmaps, "mmap fails");
      in_child(both_ways, allocations, "allocation fails");
      in_child(both_ways, opens, "open fails");
      in_child(both_ways, system_calls, "a system call fails");
      if (!refuse_rwx)
        in_child(nothing_more_can_be_protected, mprotects,
                 "mprotect fails for good");
      if (refuse_rwx) {
        in_child(both_ways, writes, "write fails");
        in_child(nothing_more_can_be_written, writes, "writes fail for good");
      }
    }
  return done_testing();
}
