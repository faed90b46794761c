/* Named patches: parts, order, versions, dependencies, listings.
 * SPDX-License-Identifier: MIT
 */
#include <hotpatch.h>

#include <stdint.h>

#include "testsuite/lib/tap.h"
#include "testsuite/lib/three_functions.h"

static int times_thirty(int x)
{
  return x * 30;
}

static hp_patch_info described(const char* name, uint32_t version)
{
  hp_patch_info info = {0};
  info.name = name;
  info.version = version;
  return info;
}

static hp_transaction* begun(const char* name, uint32_t version)
{
  const hp_patch_info info = described(name, version);
  hp_transaction* all = hp_begin();
  IS(hp_add_patch(all, &info), HP_OK, "a patch is added");
  return all;
}

static hp_transaction* begun_on(const char* name, const char* on)
{
  const char* const depends[] = {on, NULL};
  hp_patch_info info = described(name, 1);
  hp_transaction* all = hp_begin();
  info.depends = depends;
  IS(hp_add_patch(all, &info), HP_OK, "a patch that needs another is added");
  return all;
}

static hp_status give_up(hp_transaction* all)
{
  const hp_status status = hp_commit(all, NULL);
  if (status != HP_OK)
    hp_abort(all);
  return status;
}

/* "a1:2/1 b3:1/1": name, version, sites, of these active. */
static char listing[512];
static int list(const hp_patch* patch, void* data)
{
  const size_t used = strlen(listing);
  (void)data;
  snprintf(listing + used, sizeof listing - used, "%s%s%u:%u/%u",
           used != 0 ? " " : "", patch->name, patch->version, patch->sites,
           patch->active);
  return 0;
}
static const char* applied(void)
{
  listing[0] = '\0';
  if (hp_patch_each(list, NULL) != HP_OK)
    return hp_error_message();
  return listing;
}
static int list_stack(const hp_replacement* each, void* data)
{
  const size_t used = strlen(listing);
  (void)data;
  snprintf(listing + used, sizeof listing - used, "%s%s%u%s",
           used != 0 ? " " : "", each->patch, each->version,
           each->active ? "*" : "");
  return 0;
}
static const char* stack(const char* name)
{
  listing[0] = '\0';
  if (hp_replacement_each(name, list_stack, NULL) != HP_OK)
    return hp_error_message();
  return listing;
}

#define SAME(text, expected, name)                 \
  do {                                             \
    const char* same_ = (text);                    \
    OK(strcmp(same_, (expected)) == 0, (name));    \
    if (strcmp(same_, (expected)) != 0)            \
      printf("# %s, not %s\n", same_, (expected)); \
  } while (0)

static void apply_a(void)
{
  hp_transaction* all = begun("a", 1);
  hp_add_apply(all, "first", times_ten);
  hp_add_apply(all, "second", times_ten);
  IS(hp_commit(all, NULL), HP_OK, "a is applied");
}
static void apply_b(void)
{
  hp_transaction* all = begun("b", 1);
  hp_add_apply(all, "second", times_twenty);
  hp_add_apply(all, "third", times_twenty);
  IS(hp_commit(all, NULL), HP_OK, "b is applied");
}

static void any_order(void)
{
  apply_a();
  apply_b();
  SAME(applied(), "a1:2/1 b1:2/2", "both are listed");
  SAME(stack("second"), "b1* a1", "and on the stack");
  OK(first(1) == 10 && second(1) == 20 && third(1) == 20,
     "the newest of each is active");
  IS(hp_remove_patch("a"), HP_OK, "the older one goes first");
  OK(first(1) == 2 && second(1) == 20 && third(1) == 20, "b stays");
  SAME(applied(), "b1:2/2", "and is listed");
  apply_a();
  OK(first(1) == 10 && second(1) == 10 && third(1) == 20,
     "a comes again, as the newest");
  IS(hp_remove_patch("a"), HP_OK, "the newer one goes first");
  OK(first(1) == 2 && second(1) == 20 && third(1) == 20, "b comes back");
  IS(hp_remove_patch("b"), HP_OK, "and goes");
  OK(first(1) == 2 && second(1) == 3 && third(1) == 4, "nothing is left");
  SAME(applied(), "", "nor listed");
  IS(hp_remove_patch("b"), HP_NOT_APPLIED, "what is not there cannot go");
  SAYS("no patch named \"b\"", "and is told by its name");
}

static void parts_belong_together(void)
{
  apply_a();
  IS(hp_revert("first"), HP_NEEDED, "a part cannot be reverted");
  SAYS("hp_remove_patch(\"a\")", "the way out is in the message");
  IS(hp_remove("first", times_ten), HP_NEEDED, "nor removed");
  IS(hp_remove("first", times_thirty), HP_NOT_APPLIED, "what is not there");
  IS(hp_apply("first", times_ten), HP_OK, "the same without a name");
  SAME(stack("first"), "0* a1", "is a replacement of its own");
  IS(hp_remove("first", times_ten), HP_OK, "and goes alone");
  OK(first(1) == 10 && second(1) == 10, "the patch stays whole");
  IS(hp_apply("first", times_thirty), HP_OK, "one on top of it");
  IS(hp_remove_patch("a"), HP_OK, "does not keep it");
  OK(first(1) == 30 && second(1) == 3, "and stays");
  IS(hp_revert("first"), HP_OK, "until it is reverted");

  hp_transaction* all = begun("twice", 1);
  hp_add_apply(all, "first", times_ten);
  hp_add_apply(all, "first", times_ten);
  IS(hp_commit(all, NULL), HP_OK, "the same part twice is one");
  SAME(stack("first"), "twice1*", "on the stack");
  IS(hp_revert_all(), HP_OK, "all replacements go");
  SAME(applied(), "", "and all patches with them");
  all = begun("two", 1);
  hp_add_apply(all, "first", times_ten);
  hp_add_apply(all, "first", times_twenty);
  IS(give_up(all), HP_INVALID, "two parts for one function are refused");
  SAYS("\"two\"", "with the patch's name");
  all = begun("gone", 1);
  hp_add_remove_patch(all, "gone");
  hp_add_apply(all, "first", times_ten);
  IS(give_up(all), HP_INVALID, "a part of what was taken away is refused");
  all = begun("empty", 1);
  IS(hp_commit(all, NULL), HP_OK, "a patch may have no replacements");
  SAME(applied(), "empty1:0/0", "and is listed");
  IS(hp_remove_patch("empty"), HP_OK, "and taken away");
}

static void versions(void)
{
  apply_a();
  apply_b();
  hp_transaction* all = begun("a", 1);
  hp_add_apply(all, "third", times_thirty);
  IS(give_up(all), HP_APPLIED, "the same version again");
  all = begun("a", 0);
  IS(give_up(all), HP_OLDER, "an older one");
  SAYS("version 1", "the message names the newer one");
  all = begun("a", 7);
  hp_add_apply(all, "second", times_thirty);
  hp_add_apply(all, "third", times_thirty);
  IS(hp_commit(all, NULL), HP_OK, "a newer one takes its place");
  OK(first(1) == 2 && second(1) == 30 && third(1) == 30,
     "what the old one did and it does not is gone");
  SAME(stack("second"), "a7* b1", "nothing of the old one is left");
  SAME(applied(), "b1:2/0 a7:2/2", "and the new one is the newest");
  all = hp_begin();
  hp_add_remove_patch(all, "a");
  const hp_patch_info old = described("a", 3);
  hp_add_patch(all, &old);
  hp_add_apply(all, "first", times_thirty);
  IS(hp_commit(all, NULL), HP_OK, "the way back is to take it away");
  OK(first(1) == 30 && second(1) == 20 && third(1) == 20, "in one commit");
  IS(hp_revert_all(), HP_OK, "everything back");
}

static void dependencies(void)
{
  hp_transaction* all = begun_on("b", "a");
  hp_add_apply(all, "second", times_twenty);
  IS(hp_commit(all, NULL), HP_MISSING, "what it needs is missing");
  SAYS("patch \"b\" needs patch \"a\"", "and is named");
  OK(second(1) == 3, "nothing has changed");
  SAME(applied(), "", "nor is listed");
  apply_a();
  IS(hp_commit(all, NULL), HP_OK, "with it, the same transaction succeeds");
  IS(hp_remove_patch("a"), HP_NEEDED, "it cannot go");
  SAYS("patch \"b\" needs it", "and who needs it is named");
  OK(first(1) == 10 && second(1) == 20, "nothing has changed");
  SAME(applied(), "a1:2/1 b1:1/1", "nor in the list");
  all = begun("a", 2);
  hp_add_apply(all, "third", times_thirty);
  IS(hp_commit(all, NULL), HP_OK, "a newer version of it may come");
  OK(first(1) == 2 && second(1) == 20 && third(1) == 30, "and does");
  all = hp_begin();
  hp_add_remove_patch(all, "a");
  hp_add_remove_patch(all, "b");
  IS(hp_commit(all, NULL), HP_OK, "both may go together, in any order");
  SAME(applied(), "", "and are gone");
  all = begun_on("b", "a");
  const hp_patch_info a = described("a", 1);
  hp_add_patch(all, &a);
  IS(hp_commit(all, NULL), HP_OK, "and come together, in any order");
  IS(hp_remove_patch("a"), HP_NEEDED, "one needs the other");
  IS(hp_revert_all(), HP_OK, "all may go");
  SAME(applied(), "", "and are gone");
}

static void least_versions(void)
{
  IS(give_up(begun("base", 2)), HP_OK, "the second version");
  IS(give_up(begun_on("top", "base>=3")), HP_MISSING, "the third is needed");
  OK(strstr(hp_error_message(), "\"top\" needs version 3 of patch \"base\"") &&
         strstr(hp_error_message(), "only version 2 is"),
     "it says so");
  IS(give_up(begun_on("top", "bas>=1")), HP_MISSING, "the whole name counts");
  IS(give_up(begun_on("top", "base>=2")), HP_OK, "the second will do");
  IS(give_up(begun("base", 4294967295u)), HP_OK, "and a newer one");
  IS(give_up(begun_on("more", "base>=4294967295")), HP_OK, "is the newest");
  hp_transaction* all = hp_begin();
  const hp_patch_info old = described("base", 3);
  hp_add_remove_patch(all, "base");
  hp_add_patch(all, &old);
  IS(give_up(all), HP_NEEDED, "back to an older one");
  OK(strstr(hp_error_message(), "only version 3 would be applied") != NULL,
     "is refused with both versions");
  SAME(applied(), "top1:0/0 base4294967295:0/0 more1:0/0", "nothing happens");
  IS(hp_remove_patch("base"), HP_NEEDED, "it cannot go");
  OK(strstr(hp_error_message(), "\"base\" cannot") != NULL, "by its name");
  IS(hp_revert_all(), HP_OK, "all may go");
}

static void looking(void)
{
  const char* const depends[] = {"base", NULL};
  hp_patch_info info = described("top", 9);
  hp_patch patch;
  hp_transaction* all = begun("base", 4);
  info.depends = depends;
  info.description = "on top";
  hp_add_patch(all, &info);
  hp_add_apply(all, "first", times_ten);
  IS(hp_commit(all, NULL), HP_OK, "two in one transaction");
  IS(hp_patch_find("top", &patch), HP_OK, "one is found");
  OK(strcmp(patch.name, "top") == 0 && patch.version == 9 &&
         strcmp(patch.description, "on top") == 0 &&
         strcmp(patch.depends[0], "base") == 0 && patch.depends[1] == NULL &&
         patch.sites == 1 && patch.active == 1,
     "as it was described");
  IS(hp_patch_find("base", &patch), HP_OK, "the other one");
  OK(*patch.description == '\0' && *patch.depends == NULL && patch.sites == 0,
     "without what it was not given");
  IS(hp_patch_find("no", &patch), HP_NOT_APPLIED, "an unknown one");
  IS(hp_patch_find("", &patch), HP_INVALID, "no name");
  IS(hp_patch_find("top", NULL), HP_INVALID, "nowhere to");
  IS(hp_patch_each(NULL, NULL), HP_INVALID, "no visitor");
  IS(hp_replacement_each("first", NULL, NULL), HP_INVALID, "no visitor");
  IS(hp_replacement_each("nobody", list_stack, NULL), HP_NOT_FOUND, "no site");
  SAME(stack("third"), "", "an empty stack");
  IS(hp_revert_all(), HP_OK, "everything back");
}

static void refused(const hp_patch_info* info, const char* name)
{
  hp_transaction* all = hp_begin();
  IS(hp_add_patch(all, info), HP_INVALID, name);
  IS(give_up(all), HP_INVALID, "and the transaction fails");
}

static void arguments(void)
{
  static char long_name[300];
  const char* const wrong[] = {"",       ">=1",   "a>=",           "a>=x",
                               "a>=-1",  "a>1",   "a>=1>=2",       "a >= 1",
                               "a>=1.0", "a=1.0", "a>=4294967296", "a>=1 "};
  hp_patch_info info = described(NULL, 1);
  refused(&info, "no name");
  info.name = "";
  refused(&info, "an empty name");
  info.name = "a b";
  refused(&info, "a blank in the name");
  info.name = "a>=2";
  refused(&info, "an operator in the name");
  memset(long_name, 'x', sizeof long_name - 1);
  info.name = long_name;
  refused(&info, "a very long name");
  info = described("flags", 1);
  info.flags = 1;
  refused(&info, "an unknown flag");
  info = described("reserved", 1);
  info.reserved[3] = "";
  refused(&info, "a reserved member");
  info = described("depends", 1);
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    const char* const depends[] = {"a", wrong[i], NULL};
    info.depends = depends;
    refused(&info, "no name and version to depend on");
  }
  info.depends = NULL;
  hp_transaction* all = hp_begin();
  IS(hp_add_patch(NULL, &info), HP_INVALID, "no transaction");
  IS(hp_add_patch(all, NULL), HP_INVALID, "no patch");
  IS(hp_add_remove_patch(NULL, "a"), HP_INVALID, "no transaction");
  IS(hp_add_remove_patch(all, ""), HP_INVALID, "no name");
  hp_abort(all);
  IS(hp_remove_patch(NULL), HP_INVALID, "null for a name");

  all = begun("later", 1);
  hp_add_apply(all, "first", times_ten);
  hp_add_apply(all, "nobody", times_ten);
  IS(give_up(all), HP_NOT_FOUND, "a part that fails");
  SAME(applied(), "", "fails the patch");
  OK(first(1) == 2, "with all its parts");
}

int main(void)
{
  any_order();
  parts_belong_together();
  versions();
  dependencies();
  least_versions();
  looking();
  arguments();
  return done_testing();
}
