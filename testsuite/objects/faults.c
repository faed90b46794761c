/* The system fails the library at every step of loading and unloading a patch
 * object, one after the other: nothing is left of it each time.
 *
 *   faults PATCH.so
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <hotpatch.h>

#include "testsuite/lib/faulty_system.h"
#include "testsuite/lib/own_maps.h"
#include "testsuite/lib/own_text.h"
#include "testsuite/lib/tap.h"

int limit = 10;
static int own = 20;

HP_PATCHABLE int first(int x)
{
  return x + limit;
}
HP_PATCHABLE int second(int x)
{
  return x + own;
}

static int originals(void)
{
  return first(1) == 11 && second(1) == 21;
}
static int replacements(void)
{
  return first(1) == 111 && second(1) == 121;
}

static int nothing_is_excused(const char* at)
{
  (void)at;
  return 0;
}

/* Parts of the object that are mapped. */
static int parts(void)
{
  return mapped_parts("/faulty.so");
}

/* Where one part of an object cannot be mapped, dlopen() leaves those that it
 * has mapped already (glibc 2.36). */
static int left_by_dlopen;
static int dlopen_has_failed(void)
{
  return strstr(hp_error_message(), "failed to map segment") != NULL;
}
static int is_mapped(void)
{
  return parts() != left_by_dlopen;
}

static int count_patch(const hp_patch* patch, void* data)
{
  (void)patch;
  ++*(int*)data;
  return 0;
}
static int patches(void)
{
  int count = 0;
  hp_patch_each(count_patch, &count);
  return count;
}

static int complain(const char* what, long number, hp_status status)
{
  printf("# fault %ld: %s (%s: %s)\n", number, what, hp_status_name(status),
         status == HP_OK ? "" : hp_error_message());
  return 1;
}

static const char* object;

static long refused; /* loads */

/* 0: all is well. */
static int one_load(long number, int* hit)
{
  copy_text();
  begin_faults(number);
  const hp_status status = hp_load(object, NULL);
  *hit = end_faults();
  if (!text_is_protected())
    return complain("text is still writable", number, status);
  if (status == HP_OK) {
    if (!replacements())
      return complain("functions are not replaced", number, status);
    if (hp_unload("faulty", NULL) != HP_OK || !originals())
      return complain("it cannot be unloaded", number, HP_OK);
    return 0;
  }
  refused++;
  if (!*hit || status == HP_INTERNAL || *hp_error_message() == '\0')
    return complain("the wrong failure", number, status);
  if (!text_is_as_it_was(nothing_is_excused) || !originals())
    return complain("functions have changed", number, status);
  if (dlopen_has_failed())
    left_by_dlopen = parts();
  if (patches() != 0 || is_mapped())
    return complain("something is left", number, status);
  return 0;
}

static int one_first_load(long number, int* hit)
{
  if (one_load(number, hit) != 0)
    return 1;
  if (refused != 0 && (hp_load(object, NULL) != HP_OK || !replacements()))
    return complain("it cannot be loaded any more", number, HP_INTERNAL);
  return 0;
}

static int loads(enum fault kind)
{
  if (every_first_fault(one_first_load, kind) != 0)
    return 1;
  for (long number = 1;; number++) {
    int hit;
    if (one_load(number, &hit) != 0)
      return 1;
    if (!hit) {
      printf("# %ld loads failed\n", refused);
      return refused == 0;
    }
  }
}

/* A failure leaves the patch applied, or taken away with its code loaded, as
 * the next call shows: it can always be unloaded in the end. */
static int unloads(enum fault kind)
{
  long faults = 0;
  failing = kind;
  for (long number = 1;; number++) {
    if (hp_load(object, NULL) != HP_OK)
      return complain("cannot be loaded", number, HP_INTERNAL);
    begin_faults(number);
    const hp_status status = hp_unload("faulty", NULL);
    const int hit = end_faults();
    if (status != HP_OK) {
      if (!hit || *hp_error_message() == '\0')
        return complain("the wrong failure", number, status);
      if (!(patches() != 0 ? replacements() : originals()))
        return complain("half of it is left", number, status);
      const hp_status again = hp_unload("faulty", NULL);
      if (again != HP_OK)
        return complain("it cannot be unloaded", number, again);
      faults++;
    }
    if (!originals() || is_mapped())
      return complain("something is left", number, status);
    if (!hit) {
      printf("# %ld unloads failed\n", faults);
      return 0;
    }
  }
}

int main(int argc, char** argv)
{
  object = argc > 1 ? argv[1] : "";
  own += argc > 100;
  in_faulty_child(loads, allocations, "loading, without memory");
  in_faulty_child(loads, mprotects, "loading, protection cannot be changed");
  in_faulty_child(loads, opens, "loading, files cannot be opened");
  in_faulty_child(loads, system_calls, "loading, a system call fails");
  in_faulty_child(unloads, allocations, "unloading, without memory");
  in_faulty_child(unloads, mprotects,
                  "unloading, protection cannot be changed");
  in_faulty_child(unloads, opens, "unloading, files cannot be opened");
  in_faulty_child(unloads, system_calls, "unloading, a system call fails");
  return done_testing();
}
