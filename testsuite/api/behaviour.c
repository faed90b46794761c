/* Applying, reverting, removing, and every way to do it wrong.
 * SPDX-License-Identifier: MIT
 */
#include <hotpatch.h>

#include <stdint.h>

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
  OK(answer(1) == 2, "the original runs first");
  IS(hp_apply("answer", times_ten), HP_OK, "apply");
  OK(answer(1) == 10, "calls enter the replacement");
  IS(hp_apply("answer", times_ten), HP_OK, "applying it again changes nothing");
  OK(answer(1) == 10, "calls still enter the replacement");
  IS(hp_revert("answer"), HP_OK, "one revert is enough then");
  OK(answer(1) == 2, "the original is back");
  IS(hp_revert("answer"), HP_NOT_APPLIED, "there is nothing left to revert");
  SAYS("answer", "the message names the function");

  IS(hp_apply("hidden", times_ten), HP_OK, "a static function by its name");
  OK(hidden(1) == 10, "and it is replaced");
  IS(hp_revert("behaviour.c:hidden"), HP_OK, "by its file and name");
  OK(hidden(1) == 4, "and it is back");

  IS(hp_apply("fruit", pear), HP_OK, "a function without parameters");
  OK(strcmp(fruit(), "pear") == 0, "is replaced");
  IS(hp_revert("fruit"), HP_OK, "and reverted");
  IS(hp_apply("make_large", larger), HP_OK, "a function returning a struct");
  OK(make_large(7).parts[5] == 7, "is replaced");
  IS(hp_revert("make_large"), HP_OK, "and reverted");
}

static void stacking(void)
{
  IS(hp_apply("answer", times_ten), HP_OK, "the first of a stack");
  IS(hp_apply("answer", times_twenty), HP_OK, "a replacement is replaced");
  IS(hp_apply("answer", times_thirty), HP_OK, "and that one too");
  OK(answer(1) == 30, "the newest is active");
  IS(hp_remove("answer", times_twenty), HP_OK, "removed from the middle");
  OK(answer(1) == 30, "the newest is still active");
  IS(hp_revert("answer"), HP_OK, "reverted");
  OK(answer(1) == 10, "the oldest is active");
  IS(hp_remove("answer", times_twenty), HP_NOT_APPLIED, "gone is gone");
  IS(hp_apply("answer", times_twenty), HP_OK, "applied again");
  IS(hp_apply("answer", times_ten), HP_OK, "the lower one moves to the top");
  OK(answer(1) == 10, "and is active");
  IS(hp_remove("answer", times_ten), HP_OK, "the top removed");
  OK(answer(1) == 20, "the one below is active");
  IS(hp_remove("answer", times_twenty), HP_OK, "the last one removed");
  OK(answer(1) == 2, "the original is active");
}

static void originals(void)
{
  original_answer = (int (*)(int))hp_original("answer");
  OK(original_answer != NULL && original_answer(1) == 2,
     "the original is callable before");
  IS(hp_apply("answer", wrapped), HP_OK, "a replacement that calls it");
  OK(answer(1) == 200, "calls it");
  OK((int (*)(int))hp_original("answer") == original_answer,
     "it stays where it is");
  IS(hp_apply("answer", original_answer), HP_OK, "it can be a replacement");
  OK(answer(1) == 2, "and runs");
  IS(hp_revert("answer"), HP_OK, "reverted");
  IS(hp_revert("answer"), HP_OK, "reverted");

  original_fibonacci = (int (*)(int))hp_original("fibonacci");
  IS(hp_apply("fibonacci", counting_fibonacci), HP_OK, "a recursive function");
  OK(fibonacci(10) == 55, "computes the same through its replacement");
  OK(calls > 10, "which sees the recursive calls too");
  IS(hp_revert("fibonacci"), HP_OK, "reverted");
  OK(hp_original("nowhere") == NULL, "no original of an unknown function");
  SAYS("nowhere", "and the message names it");
}

static void loops(void)
{
  IS(hp_apply("answer", answer), HP_INVALID, "no function replaces itself");
  SAYS("hp_original", "and the message says what to do");
  OK(answer(1) == 2, "nothing has changed");
  IS(hp_apply("answer", other), HP_OK, "one site replaces another");
  OK(answer(1) == 3, "and runs");
  IS(hp_apply("other", answer), HP_INVALID, "but not the other way round too");
  OK(other(1) == 3, "nothing has changed");
  IS(hp_apply("answer", times_ten), HP_OK, "with something above it");
  IS(hp_apply("other", answer), HP_OK, "it is no loop");
  OK(other(1) == 10, "and runs through");
  IS(hp_revert("answer"), HP_INVALID, "until the revert that would close it");
  SAYS("other", "which is refused and names the other function");
  OK(answer(1) == 10, "nothing has changed");
  IS(hp_revert("other"), HP_OK, "reverting that one first");
  IS(hp_revert("answer"), HP_OK, "makes it possible");
  IS(hp_revert("answer"), HP_OK, "to the end");
}

static void refusals(void)
{
  IS(hp_apply(NULL, times_ten), HP_INVALID, "null name");
  IS(hp_apply("", times_ten), HP_INVALID, "empty name");
  IS(hp_apply_as("answer", NULL, NULL, 0), HP_INVALID, "null replacement");
  IS(hp_apply_flags("answer", times_ten, 0x8000u), HP_INVALID, "unknown flag");
  IS(hp_revert(NULL), HP_INVALID, "null name to revert");
  IS(hp_remove(NULL, times_ten), HP_INVALID, "null name to remove");
  IS(hp_remove_as("answer", NULL), HP_INVALID, "null function to remove");
  OK(hp_original(NULL) == NULL, "null name of an original");
  IS(hp_site_find(NULL, NULL), HP_INVALID, "null name to find");
  IS(hp_site_find("answer", NULL), HP_INVALID, "null site");
  IS(hp_site_each(NULL, NULL), HP_INVALID, "null visitor");
  IS(hp_apply("nobody", times_ten), HP_NOT_FOUND, "unknown function");
  SAYS("nobody", "the message names it");
  IS(hp_apply_as("answer", (hp_function)(uintptr_t)not_code, NULL, 0),
     HP_NOT_EXECUTABLE, "data is no replacement");
  SAYS("answer", "the message names the function");
  IS(hp_apply_as("answer", (hp_function)(uintptr_t)0x10, NULL, 0),
     HP_NOT_EXECUTABLE, "neither is what is not mapped");
  IS(hp_apply("halve", answer), HP_PROTOTYPE,
     "a site of another type is no replacement");
  SAYS("double (double)", "the message has the one prototype");
  SAYS("int (int)", "and the other");
  IS(hp_apply_flags("halve", answer, HP_ANY_PROTOTYPE), HP_OK,
     "unless that is meant");
  IS(hp_revert("halve"), HP_OK, "reverted");
  OK(answer(1) == 2, "after all that nothing has changed");
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
  IS(hp_site_each(count_sites, &count), HP_OK, "every site is visited");
  OK(count == hp_site_count() && count == 7, "as many as there are");
  count = 0;
  IS(hp_site_each(stop_at_once, &count), HP_OK, "a visitor may stop");
  OK(count == 1, "at the first one");
  IS(hp_site_each(apply_from_visitor, &status), HP_OK,
     "a visitor may call the library");
  OK(status == HP_OK && answer(1) == 10, "and change things");
  IS(hp_apply("answer", times_twenty), HP_OK, "two are applied");
  IS(hp_site_find("answer", &site), HP_OK, "a site is found");
  OK(site.replacements == 2, "with two replacements");
  OK(site.target == (const void*)(uintptr_t)times_twenty, "the newest active");
  OK(site.symbol == (const void*)(uintptr_t)answer, "at its address");
  OK(strstr(site.file, "behaviour.c") != NULL && site.line == 10,
     "with file and line");
  OK(strcmp(site.prototype, "int (int)") == 0, "and prototype");
  IS(hp_revert("answer"), HP_OK, "reverted");
  IS(hp_revert("answer"), HP_OK, "reverted");
  IS(hp_site_find("answer", &site), HP_OK, "found again");
  OK(site.replacements == 0 && site.target == NULL, "with no replacement");
}

int main(void)
{
  OK(strcmp(hp_error_message(), "") == 0, "no message before a failure");
  applying();
  stacking();
  originals();
  loops();
  refusals();
  looking();
  return done_testing();
}
