/* Applying, reverting, removing, and every way to do it wrong.
 * SPDX-License-Identifier: MIT
 */
#include <hotpatch.h>

#include "testsuite/lib/tap.h"

HP_PATCHABLE int answer(int x)
{
  return x + 1;
}
HP_PATCHABLE int other(int x)
{
  return x + 2;
}
HP_PATCHABLE static int hidden(int x)
{
  return x + 3;
}
HP_PATCHABLE double halve(double x)
{
  return x / 2;
}
HP_PATCHABLE int fibonacci(int n)
{
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}
HP_PATCHABLE const char* fruit(void)
{
  return "apple";
}

struct large {
  long parts[6];
};
HP_PATCHABLE struct large make_large(long first)
{
  struct large result = {{first, 0, 0, 0, 0, 0}};
  return result;
}

static int times_ten(int x)
{
  return x * 10;
}
static int times_twenty(int x)
{
  return x * 20;
}
static int times_thirty(int x)
{
  return x * 30;
}
static const char* pear(void)
{
  return "pear";
}
static struct large larger(long first)
{
  struct large result = {{first, first, first, first, first, first}};
  return result;
}

static int (*original_answer)(int);
static int wrapped(int x)
{
  return original_answer(x) * 100;
}

static int calls;
static int (*original_fibonacci)(int);
static int counting_fibonacci(int n)
{
  calls++;
  return original_fibonacci(n);
}

static char not_code[16];

static void applying(void)
{
  ok(answer(1) == 2, "the original runs first");
  is(hp_apply("answer", times_ten), HP_OK, "apply");
  ok(answer(1) == 10, "calls enter the replacement");
  is(hp_apply("answer", times_ten), HP_OK, "applying it again changes nothing");
  ok(answer(1) == 10, "calls still enter the replacement");
  is(hp_revert("answer"), HP_OK, "one revert is enough then");
  ok(answer(1) == 2, "the original is back");
  is(hp_revert("answer"), HP_NOT_APPLIED, "there is nothing left to revert");
  says("answer", "the message names the function");

  is(hp_apply("hidden", times_ten), HP_OK, "a static function by its name");
  ok(hidden(1) == 10, "and it is replaced");
  is(hp_revert("behaviour.c:hidden"), HP_OK, "by its file and name");
  ok(hidden(1) == 4, "and it is back");

  is(hp_apply("fruit", pear), HP_OK, "a function without parameters");
  ok(strcmp(fruit(), "pear") == 0, "is replaced");
  is(hp_revert("fruit"), HP_OK, "and reverted");
  is(hp_apply("make_large", larger), HP_OK, "a function returning a struct");
  ok(make_large(7).parts[5] == 7, "is replaced");
  is(hp_revert("make_large"), HP_OK, "and reverted");
}

static void stacking(void)
{
  is(hp_apply("answer", times_ten), HP_OK, "the first of a stack");
  is(hp_apply("answer", times_twenty), HP_OK, "a replacement is replaced");
  is(hp_apply("answer", times_thirty), HP_OK, "and that one too");
  ok(answer(1) == 30, "the newest is active");
  is(hp_remove("answer", times_twenty), HP_OK, "removed from the middle");
  ok(answer(1) == 30, "the newest is still active");
  is(hp_revert("answer"), HP_OK, "reverted");
  ok(answer(1) == 10, "the oldest is active");
  is(hp_remove("answer", times_twenty), HP_NOT_APPLIED, "gone is gone");
  is(hp_apply("answer", times_twenty), HP_OK, "applied again");
  is(hp_apply("answer", times_ten), HP_OK, "the lower one moves to the top");
  ok(answer(1) == 10, "and is active");
  is(hp_remove("answer", times_ten), HP_OK, "the top removed");
  ok(answer(1) == 20, "the one below is active");
  is(hp_remove("answer", times_twenty), HP_OK, "the last one removed");
  ok(answer(1) == 2, "the original is active");
}

static void originals(void)
{
  original_answer = (int (*)(int))hp_original("answer");
  ok(original_answer != NULL && original_answer(1) == 2,
     "the original is callable before");
  is(hp_apply("answer", wrapped), HP_OK, "a replacement that calls it");
  ok(answer(1) == 200, "calls it");
  ok((int (*)(int))hp_original("answer") == original_answer,
     "it stays where it is");
  is(hp_apply("answer", original_answer), HP_OK, "it can be a replacement");
  ok(answer(1) == 2, "and runs");
  is(hp_revert("answer"), HP_OK, "reverted");
  is(hp_revert("answer"), HP_OK, "reverted");

  original_fibonacci = (int (*)(int))hp_original("fibonacci");
  is(hp_apply("fibonacci", counting_fibonacci), HP_OK, "a recursive function");
  ok(fibonacci(10) == 55, "computes the same through its replacement");
  ok(calls > 10, "which sees the recursive calls too");
  is(hp_revert("fibonacci"), HP_OK, "reverted");
  ok(hp_original("nowhere") == NULL, "no original of an unknown function");
  says("nowhere", "and the message names it");
}

static void loops(void)
{
  is(hp_apply("answer", answer), HP_INVALID, "no function replaces itself");
  says("hp_original", "and the message says what to do");
  ok(answer(1) == 2, "nothing has changed");
  is(hp_apply("answer", other), HP_OK, "one site replaces another");
  ok(answer(1) == 3, "and runs");
  is(hp_apply("other", answer), HP_INVALID, "but not the other way round too");
  ok(other(1) == 3, "nothing has changed");
  is(hp_apply("answer", times_ten), HP_OK, "with something above it");
  is(hp_apply("other", answer), HP_OK, "it is no loop");
  ok(other(1) == 10, "and runs through");
  is(hp_revert("answer"), HP_INVALID, "until the revert that would close it");
  says("other", "which is refused and names the other function");
  ok(answer(1) == 10, "nothing has changed");
  is(hp_revert("other"), HP_OK, "reverting that one first");
  is(hp_revert("answer"), HP_OK, "makes it possible");
  is(hp_revert("answer"), HP_OK, "to the end");
}

static void refusals(void)
{
  is(hp_apply(NULL, times_ten), HP_INVALID, "null name");
  is(hp_apply("", times_ten), HP_INVALID, "empty name");
  is(hp_apply_as("answer", NULL, NULL, 0), HP_INVALID, "null replacement");
  is(hp_apply_flags("answer", times_ten, 0x8000u), HP_INVALID, "unknown flag");
  is(hp_revert(NULL), HP_INVALID, "null name to revert");
  is(hp_remove(NULL, times_ten), HP_INVALID, "null name to remove");
  is(hp_remove_as("answer", NULL), HP_INVALID, "null function to remove");
  ok(hp_original(NULL) == NULL, "null name of an original");
  is(hp_site_find(NULL, NULL), HP_INVALID, "null name to find");
  is(hp_site_find("answer", NULL), HP_INVALID, "null site");
  is(hp_site_each(NULL, NULL), HP_INVALID, "null visitor");
  is(hp_apply("nobody", times_ten), HP_NOT_FOUND, "unknown function");
  says("nobody", "the message names it");
  is(hp_apply_as("answer", (hp_function)(uintptr_t)not_code, NULL, 0),
     HP_NOT_EXECUTABLE, "data is no replacement");
  says("answer", "the message names the function");
  is(hp_apply_as("answer", (hp_function)(uintptr_t)0x10, NULL, 0),
     HP_NOT_EXECUTABLE, "neither is what is not mapped");
  is(hp_apply("halve", answer), HP_PROTOTYPE,
     "a site of another type is no replacement");
  says("double (double)", "the message has the one prototype");
  says("int (int)", "and the other");
  is(hp_apply_flags("halve", answer, HP_ANY_PROTOTYPE), HP_OK,
     "unless that is meant");
  is(hp_revert("halve"), HP_OK, "reverted");
  ok(answer(1) == 2, "after all that nothing has changed");
}

static int count_sites(const hp_site* site, void* data)
{
  (void)site;
  ++*(size_t*)data;
  return 0;
}

static int stop_at_once(const hp_site* site, void* data)
{
  (void)site;
  ++*(size_t*)data;
  return 1;
}

static int apply_from_visitor(const hp_site* site, void* data)
{
  if (strcmp(site->name, "answer") == 0)
    *(hp_status*)data = hp_apply("answer", times_ten);
  return 0;
}

static void looking(void)
{
  hp_site site;
  size_t count = 0;
  hp_status status = HP_INTERNAL;
  is(hp_site_each(count_sites, &count), HP_OK, "every site is visited");
  ok(count == hp_site_count() && count == 7, "as many as there are");
  count = 0;
  is(hp_site_each(stop_at_once, &count), HP_OK, "a visitor may stop");
  ok(count == 1, "at the first one");
  is(hp_site_each(apply_from_visitor, &status), HP_OK,
     "a visitor may call the library");
  ok(status == HP_OK && answer(1) == 10, "and change things");
  is(hp_apply("answer", times_twenty), HP_OK, "two are applied");
  is(hp_site_find("answer", &site), HP_OK, "a site is found");
  ok(site.replacements == 2, "with two replacements");
  ok(site.target == (const void*)(uintptr_t)times_twenty, "the newest active");
  ok(site.symbol == (const void*)(uintptr_t)answer, "at its address");
  ok(strstr(site.file, "behaviour.c") != NULL && site.line == 8,
     "with file and line");
  ok(strcmp(site.prototype, "int (int)") == 0, "and prototype");
  is(hp_revert("answer"), HP_OK, "reverted");
  is(hp_revert("answer"), HP_OK, "reverted");
  is(hp_site_find("answer", &site), HP_OK, "found again");
  ok(site.replacements == 0 && site.target == NULL, "with no replacement");
}

int main(void)
{
  ok(strcmp(hp_error_message(), "") == 0, "no message before a failure");
  applying();
  stacking();
  originals();
  loops();
  refusals();
  looking();
  return done_testing();
}
