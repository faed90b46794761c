/* Shared objects: loaded later, patched by their own constructor, unloaded.
 * SPDX-License-Identifier: MIT
 */
#include <hotpatch.h>

#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#include "testsuite/lib/tap.h"

HP_PATCHABLE int answer(int x)
{
  return x + 1;
}
static int times_ten(int x)
{
  return x * 10;
}

typedef int (*function)(int);

static void* load(const char* directory, const char* name)
{
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  void* object = dlopen(path, RTLD_NOW);
  if (object == NULL)
    printf("# %s\n", dlerror());
  return object;
}

static function symbol(void* object, const char* name)
{
  return (function)(uintptr_t)dlsym(object, name);
}

/* The object has the site `object_function`, and `object_replacement`, which
 * is none. */
static void loaded_later(const char* directory)
{
  const size_t before = hp_site_count();
  IS(hp_apply("object_function", times_ten), HP_NOT_FOUND, "not loaded yet");
  for (int round = 0; round < 3; round++) {
    void* object = load(directory, "object.so");
    OK(object != NULL && hp_site_count() == before + 1, "loaded");
    function call = symbol(object, "object_function");
    OK(call(1) == 6, "the original runs");
    IS(hp_apply("object_function", times_ten), HP_OK, "its site is there");
    OK(call(1) == 10, "and is replaced");
    if (round > 0) {
      IS(hp_revert("object_function"), HP_OK, "and reverted");
      OK(call(1) == 6, "to the original");
    }
    dlclose(object);
    OK(hp_site_count() == before, "unloaded");
    IS(hp_revert("object_function"), HP_NOT_FOUND, "and gone");
  }
}

static void replacement_stays(const char* directory)
{
  void* object = load(directory, "object.so");
  IS(hp_apply("answer", symbol(object, "object_replacement")), HP_OK,
     "a replacement from a shared object");
  dlclose(object);
  OK(answer(1) == 500, "outlives the program's own reference");
  IS(hp_revert("answer"), HP_OK, "reverted");
  OK(answer(1) == 2, "the original runs");
}

static void constructor(const char* directory)
{
  void* object = load(directory, "constructor.so");
  OK(object != NULL, "an object whose constructor applies");
  OK(answer(1) == 700, "has applied");
  dlclose(object);
  OK(answer(1) == 700, "and stays");
  IS(hp_revert("answer"), HP_OK, "until it is reverted");
}

struct round_trips {
  const char* directory;
  int stop;
  int done;
};

static void* load_and_unload(void* data)
{
  struct round_trips* trips = data;
  for (int i = 0; i < 300; i++) {
    void* object = load(trips->directory, "object.so");
    if (object != NULL)
      dlclose(object);
  }
  __atomic_store_n(&trips->stop, 1, __ATOMIC_RELEASE);
  return NULL;
}

static void racing(const char* directory)
{
  struct round_trips trips = {directory, 0, 0};
  pthread_t loader;
  long applied = 0;
  long absent = 0;
  long other = 0;
  pthread_create(&loader, NULL, load_and_unload, &trips);
  while (!__atomic_load_n(&trips.stop, __ATOMIC_ACQUIRE)) {
    const hp_status status = hp_apply("object_function", times_ten);
    applied += status == HP_OK;
    absent += status == HP_NOT_FOUND;
    other += status != HP_OK && status != HP_NOT_FOUND;
  }
  pthread_join(loader, NULL);
  printf("# %ld applied, %ld absent\n", applied, absent);
  OK(other == 0, "loaded and unloaded meanwhile: applied, or not found");
}

/* A patch outlives an object with sites of its own, without these. */
static void sites_go_a_patch_stays(const char* directory)
{
  void* object = load(directory, "object.so");
  hp_patch_info info = {0};
  hp_patch patch;
  hp_transaction* all = hp_begin();
  info.name = "across";
  hp_add_patch(all, &info);
  hp_add_apply(all, "answer", times_ten);
  hp_add_apply(all, "object_function", times_ten);
  IS(hp_commit(all, NULL), HP_OK, "a patch for the program and an object");
  IS(hp_patch_find("across", &patch), HP_OK, "which is found");
  OK(patch.sites == 2, "with both its sites");
  dlclose(object);
  IS(hp_patch_find("across", &patch), HP_OK, "unloading leaves the patch");
  OK(patch.sites == 1 && answer(1) == 10, "and its other site");
  object = load(directory, "object.so");
  OK(symbol(object, "object_function")(1) == 6, "loaded again it is original");
  OK(hp_patch_find("across", &patch) == HP_OK && patch.sites == 1,
     "and no part of the patch");
  IS(hp_remove_patch("across"), HP_OK, "which can be taken away");
  OK(answer(1) == 2 && symbol(object, "object_function")(1) == 6,
     "and leaves nothing");
  dlclose(object);
}

/* A constructor has the loader's lock and waits for the turn to change patches;
 * who has the turn needs the loader's lock for its replacement's object. */
static void* load_patching(void* data)
{
  struct round_trips* trips = data;
  for (int i = 0; i < 200; i++) {
    void* object = load(trips->directory, "patching.so");
    function inside = symbol(object, "patching");
    if (hp_remove_patch("constructed") == HP_OK)
      trips->done++;
    dlclose(object);
    if (hp_release((const void*)(uintptr_t)inside, 10000) != HP_OK)
      printf("# %s\n", hp_error_message());
  }
  __atomic_store_n(&trips->stop, 1, __ATOMIC_RELEASE);
  return NULL;
}

static void constructors_and_patches(const char* directory)
{
  struct round_trips trips = {directory, 0, 0};
  void* object = load(directory, "object.so");
  const function replacement = symbol(object, "object_replacement");
  pthread_t loader;
  long bad = 0;
  pthread_create(&loader, NULL, load_patching, &trips);
  while (!__atomic_load_n(&trips.stop, __ATOMIC_ACQUIRE)) {
    hp_patch_info info = {0};
    hp_transaction* patch = hp_begin();
    info.name = "other";
    hp_add_patch(patch, &info);
    hp_add_apply(patch, "answer", replacement);
    bad += hp_commit(patch, NULL) != HP_OK || hp_remove_patch("other") != HP_OK;
  }
  pthread_join(loader, NULL);
  OK(trips.done == 200, "constructors that apply patches");
  OK(bad == 0, "and threads that do do not wait for each other for ever");
  OK(answer(1) == 2, "the original runs");
  dlclose(object);
}

int main(int argc, char** argv)
{
  if (argc < 2)
    return 99;
  if (argc > 2 && strcmp(argv[2], "constructors") == 0) {
    constructors_and_patches(argv[1]);
    return done_testing();
  }
  loaded_later(argv[1]);
  racing(argv[1]);
  sites_go_a_patch_stays(argv[1]);
  constructors_and_patches(argv[1]);
  replacement_stays(argv[1]);
  constructor(argv[1]);
  return done_testing();
}
