/* Several changes in one transaction, at every level.
 * SPDX-License-Identifier: MIT
 */
#include <hotpatch.h>

#include <stdint.h>

#include "testsuite/lib/tap.h"
#include "testsuite/lib/three_functions.h"

HP_PATCHABLE double halve(double x)
{
  return x / 2;
}

static char not_code[16];

static const hp_level levels[] = {HP_IMMEDIATE, HP_STRICT, HP_QUIESCENT,
                                  HP_SAFEPOINT};
static const char* const level_names[] = {"immediate", "strict", "quiescent",
                                          "safe point"};

static int sum(void)
{
  return first(1) + second(1) + third(1);
}

enum { originals = 2 + 3 + 4 };

static void every_level(void)
{
  for (unsigned i = 0; i < sizeof levels / sizeof *levels; i++) {
    const hp_commit_options options = {sizeof(hp_commit_options), levels[i], 0,
                                       1000};
    hp_transaction* all = hp_begin();
    printf("# level: %s\n", level_names[i]);
    IS(hp_add_apply(all, "first", times_ten), HP_OK, "one step");
    IS(hp_add_apply_flags(all, "second", times_ten, HP_ANY_PROTOTYPE), HP_OK,
       "another one");
    IS(hp_add_apply(all, "third", times_twenty), HP_OK, "a third one");
    OK(sum() == originals, "nothing happens before the commit");
    IS(hp_commit(all, &options), HP_OK, "the commit");
    OK(first(1) == 10 && second(1) == 10 && third(1) == 20, "and all of it");

    all = hp_begin();
    IS(hp_add_revert(all, "first"), HP_OK, "a revert");
    IS(hp_add_remove(all, "second", times_ten), HP_OK, "a removal");
    IS(hp_add_apply(all, "third", times_ten), HP_OK, "and an apply");
    IS(hp_commit(all, &options), HP_OK, "go together");
    OK(first(1) == 2 && second(1) == 3 && third(1) == 10, "and are done");

    all = hp_begin();
    IS(hp_add_revert_all(all), HP_OK, "revert all");
    IS(hp_add_apply(all, "first", times_ten), HP_OK, "and a new one");
    IS(hp_commit(all, &options), HP_OK, "at once");
    OK(first(1) == 10 && second(1) == 3 && third(1) == 4, "both are done");
    IS(hp_revert_all(), HP_OK, "everything back");
    OK(sum() == originals, "is back");
  }
}

static void steps_build_on_each_other(void)
{
  hp_site site;
  hp_transaction* all = hp_begin();
  hp_add_apply(all, "first", times_ten);
  hp_add_apply(all, "first", times_twenty);
  hp_add_revert(all, "first");
  hp_add_apply(all, "second", times_ten);
  hp_add_revert(all, "second");
  IS(hp_commit(all, NULL), HP_OK, "several steps for one site");
  OK(first(1) == 10 && second(1) == 3, "end where the last one leaves it");
  IS(hp_site_find("first", &site), HP_OK, "the site");
  OK(site.replacements == 1, "has what is left on its stack");
  IS(hp_revert("first"), HP_OK, "reverted");

  IS(hp_apply("first", second), HP_OK, "one site in place of another");
  all = hp_begin();
  hp_add_apply(all, "second", first);
  IS(hp_commit(all, NULL), HP_INVALID, "the other way round too is a loop");
  hp_add_revert(all, "first");
  IS(hp_commit(all, NULL), HP_OK, "unless the first one goes at the same time");
  OK(first(1) == 2 && second(1) == 2, "which turns it round");
  IS(hp_revert_all(), HP_OK, "everything back");
}

/* The last step fails: the others must not have happened. */
static void refused(hp_transaction* all, hp_status expected, const char* name)
{
  IS(hp_commit(all, NULL), expected, name);
  OK(sum() == originals, "and nothing was changed");
  OK(hp_revert("first") == HP_NOT_APPLIED, "nor noted as changed");
  hp_abort(all);
}

static hp_transaction* begun(void)
{
  hp_transaction* all = hp_begin();
  hp_add_apply(all, "first", times_ten);
  hp_add_apply(all, "second", times_ten);
  return all;
}

static void all_or_nothing(void)
{
  hp_transaction* all = begun();
  hp_add_apply(all, "nobody", times_ten);
  refused(all, HP_NOT_FOUND, "an unknown name");
  all = begun();
  hp_add_apply(all, "halve", first);
  refused(all, HP_PROTOTYPE, "another prototype");
  all = begun();
  hp_add_apply_as(all, "third", (hp_function)(uintptr_t)not_code, NULL, 0);
  refused(all, HP_NOT_EXECUTABLE, "data");
  all = begun();
  hp_add_apply(all, "third", third);
  refused(all, HP_INVALID, "a loop");
  all = begun();
  hp_add_revert(all, "third");
  refused(all, HP_NOT_APPLIED, "nothing to revert");
  all = begun();
  IS(hp_add_apply(all, "", times_ten), HP_INVALID, "a step without a name");
  refused(all, HP_INVALID, "makes the whole fail");

  all = begun();
  hp_add_revert(all, "third");
  IS(hp_commit(all, NULL), HP_NOT_APPLIED, "after a failure");
  IS(hp_apply("third", times_ten), HP_OK, "and a remedy");
  IS(hp_commit(all, NULL), HP_OK, "the same transaction succeeds");
  OK(first(1) == 10 && third(1) == 4, "and is done");
  IS(hp_revert_all(), HP_OK, "everything back");
}

static void arguments(void)
{
  hp_commit_options options = {sizeof(hp_commit_options), (hp_level)7, 0, 0};
  hp_transaction* all = hp_begin();
  OK(all != NULL, "a transaction");
  IS(hp_commit(all, NULL), HP_OK, "may be empty");
  all = hp_begin();
  IS(hp_commit(all, &options), HP_INVALID, "no such level");
  options.level = HP_IMMEDIATE;
  options.flags = 1;
  IS(hp_commit(all, &options), HP_INVALID, "no such flag");
  options.flags = 0;
  static const size_t wrong[] = {
      0,         8, sizeof options - 1, sizeof options + 1, sizeof options + 8,
      (size_t)-1};
  for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    options.size = wrong[i];
    IS(hp_commit(all, &options), HP_INVALID, "no such size to commit with");
    SAYS("set their member size to sizeof(hp_commit_options)", "which is said");
    IS(hp_load("/", &options), HP_INVALID, "nor to load with");
    IS(hp_unload("fix", &options), HP_INVALID, "nor to unload with");
  }
  hp_abort(all);
  hp_abort(NULL);
  IS(hp_commit(NULL, NULL), HP_INVALID, "null to commit");
  IS(hp_add_apply(NULL, "first", times_ten), HP_INVALID, "null to add to");
  IS(hp_add_revert(NULL, "first"), HP_INVALID, "null to add a revert to");
  IS(hp_add_remove(NULL, "first", times_ten), HP_INVALID,
     "null to add a removal to");
  IS(hp_add_revert_all(NULL), HP_INVALID, "null to revert all in");
  IS(hp_revert_all(), HP_OK, "nothing to revert is no failure");
}

int main(void)
{
  every_level();
  steps_build_on_each_other();
  all_or_nothing();
  arguments();
  return done_testing();
}
