/* The system fails the library at every step of transactions with named patches
 * and of looking at them: after each failure the program's text, the stacks of
 * replacements and the list of patches are what they were, and every hook that
 * consented was told.
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <hotpatch.h>

#include <stdint.h>

#include "testsuite/lib/faulty_system.h"
#include "testsuite/lib/own_text.h"
#include "testsuite/lib/tap.h"
#include "testsuite/lib/three_functions.h"

/* --- Hooks, balanced ------------------------------------------------------ */

static int begun; /* by hooks "before" that consented */
static int ended; /* by hooks "after" */
static const char* begin(const hp_patch_info* patch)
{
  (void)patch;
  begun++;
  return NULL;
}
static void end(const hp_patch_info* patch)
{
  (void)patch;
  ended++;
}

/* --- The state of things ---------------------------------------------------
 */

/* "a1:2/1(base) | first: a1 | ...", and what the functions return. */
static char state[2][1024];
static void append(char* to, const char* text)
{
  strncat(to, text, sizeof state[0] - strlen(to) - 1);
}
static int append_patch(const hp_patch* patch, void* to)
{
  char text[128];
  snprintf(text, sizeof text, "%s%u:%u/%u(%s) ", patch->name, patch->version,
           patch->sites, patch->active,
           patch->depends[0] != NULL ? patch->depends[0] : "");
  append(to, text);
  return 0;
}
static int append_replacement(const hp_replacement* each, void* to)
{
  char text[128];
  snprintf(text, sizeof text, "%s%u@%p ", each->patch, each->version,
           each->target);
  append(to, text);
  return 0;
}
static void take_state(char* to)
{
  static const char* const functions[] = {"first", "second", "third"};
  char text[64];
  *to = '\0';
  if (hp_patch_each(append_patch, to) != HP_OK)
    append(to, "unknown patches");
  for (int i = 0; i < 3; i++) {
    append(to, functions[i]);
    append(to, ": ");
    if (hp_replacement_each(functions[i], append_replacement, to) != HP_OK)
      append(to, "unknown stack");
  }
  snprintf(text, sizeof text, "%d %d %d", first(1), second(1), third(1));
  append(to, text);
}

/* --- Ways from one state to another ----------------------------------------
 */

static void add(hp_transaction* all, const char* name, uint32_t version,
                const char* on)
{
  const char* const depends[] = {on, NULL};
  hp_patch_info info = {0};
  info.name = name;
  info.version = version;
  info.description = "for the test";
  info.depends = depends;
  info.before_apply = info.before_revert = begin;
  info.after_apply = info.after_revert = end;
  hp_add_patch(all, &info);
}

static void to_old_ones(hp_transaction* all)
{
  hp_add_revert_all(all);
  add(all, "base", 1, NULL);
  hp_add_apply(all, "first", times_ten);
  hp_add_apply(all, "second", times_ten);
  add(all, "top", 1, "base");
  hp_add_apply(all, "second", times_twenty);
}
static void to_new_ones(hp_transaction* all)
{
  add(all, "base", 2, NULL);
  hp_add_apply(all, "first", times_twenty);
  hp_add_apply(all, "third", times_ten);
  hp_add_remove_patch(all, "top");
  add(all, "other", 1, "base");
  hp_add_apply(all, "first", times_ten);
}
static void to_none(hp_transaction* all)
{
  hp_add_revert_all(all);
}

static hp_status go(void (*way)(hp_transaction*), hp_level level)
{
  const hp_commit_options options = {sizeof(hp_commit_options), level, 0, 1000};
  hp_transaction* all = hp_begin();
  if (all == NULL)
    return HP_NO_MEMORY;
  way(all);
  const hp_status status = hp_commit(all, &options);
  if (status != HP_OK)
    hp_abort(all);
  return status;
}

/* --- Faults one after the other --------------------------------------------
 */

static hp_level level;
static int refused;

static int complain(const char* what, long number, hp_status status)
{
  printf("# fault %ld: %s (%s: %s)\n# was %s\n# now %s\n", number, what,
         hp_status_name(status), status == HP_OK ? "" : hp_error_message(),
         state[0], state[1]);
  return 1;
}

/* All replacements are near, so that not even a pad may change. */
static int nowhere(const char* at)
{
  (void)at;
  return 0;
}

static int every_fault(void (*there)(hp_transaction*),
                       void (*back)(hp_transaction*))
{
  for (long number = 1;; number++) {
    if (go(back, HP_IMMEDIATE) != HP_OK)
      return complain("it cannot be undone", number, HP_INTERNAL);
    begun = ended = 0;
    copy_text();
    take_state(state[0]);
    begin_faults(number);
    const hp_status status = go(there, level);
    const int hit = end_faults();
    char words[256];
    snprintf(words, sizeof words, "%s", hp_error_message());
    take_state(state[1]);
    if (begun != ended)
      return complain("a hook was not told", number, status);
    if (!text_is_protected())
      return complain("text is still writable", number, status);
    if (status != HP_OK) {
      if (!hit || status == HP_INTERNAL || words[0] == '\0')
        return complain("the wrong failure", number, status);
      if (!text_is_as_it_was(nowhere))
        return complain("text has changed", number, status);
      if (strcmp(state[0], state[1]) != 0)
        return complain("the state has changed", number, status);
      refused++;
    } else if (strcmp(state[0], state[1]) == 0) {
      return complain("the state has not changed", number, status);
    }
    if (!hit)
      return 0;
  }
}

static int changes(enum fault kind)
{
  (void)kind;
  const int result = every_fault(to_old_ones, to_none) != 0 ||
                     every_fault(to_new_ones, to_old_ones) != 0 ||
                     every_fault(to_none, to_old_ones) != 0;
  printf("# %d transactions failed\n", refused);
  return result;
}

static int ignore_patch(const hp_patch* patch, void* data)
{
  (void)patch, (void)data;
  return 0;
}
static int ignore_replacement(const hp_replacement* each, void* data)
{
  (void)each, (void)data;
  return 0;
}
static int looks(enum fault kind)
{
  (void)kind;
  go(to_old_ones, HP_IMMEDIATE);
  take_state(state[0]);
  for (long number = 1;; number++) {
    hp_patch patch;
    begin_faults(number);
    const hp_status status[] = {
        hp_patch_each(ignore_patch, NULL),
        hp_replacement_each("second", ignore_replacement, NULL),
        hp_patch_find("top", &patch)};
    const int hit = end_faults();
    for (int i = 0; i < 3; i++)
      if (status[i] != HP_OK && (status[i] != HP_NO_MEMORY || !hit))
        return complain("the wrong failure", number, status[i]);
    take_state(state[1]);
    if (strcmp(state[0], state[1]) != 0)
      return complain("the state has changed", number, HP_OK);
    if (!hit)
      return number < 2;
  }
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
  in_child(looks, allocations, "allocation fails in listings");
  for (refuse_rwx = 0; refuse_rwx < 2; refuse_rwx++)
    for (int each = HP_IMMEDIATE; each <= HP_SAFEPOINT; each++) {
      level = (hp_level)each;
      in_child(changes, mprotects, "mprotect fails");
      in_child(changes, mmaps, "mmap fails");
      in_child(changes, allocations, "allocation fails");
      in_child(changes, opens, "open fails");
      in_child(changes, system_calls, "a system call fails");
      if (refuse_rwx)
        in_child(changes, writes, "write fails");
    }
  return done_testing();
}
