/* Many shared objects, those that come and go meanwhile, and those in a
 * namespace of their own.
 *
 *   images OBJECT REPLACEMENT COUNT
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <hotpatch.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "testsuite/lib/own_maps.h"
#include "testsuite/lib/tap.h"

typedef int (*int_function)(int);

static int times_ten(int x)
{
  return x * 10;
}

/* --- Many ----------------------------------------------------------------- */

static void* read_file(const char* path, size_t* size)
{
  struct stat about;
  const int file = open(path, O_RDONLY);
  if (file < 0 || fstat(file, &about) != 0)
    return NULL;
  *size = (size_t)about.st_size;
  char* bytes = malloc(*size);
  if (bytes != NULL && read(file, bytes, *size) != about.st_size)
    *size = 0;
  close(file);
  return bytes;
}

/* Another file each time: the loader knows them by their inode. */
static void* load_copy(const char* bytes, size_t size, int number)
{
  char path[64];
  snprintf(path, sizeof path, "./lib%d.so", number);
  const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);
  if (file < 0 || write(file, bytes, size) != (ssize_t)size)
    return NULL;
  close(file);
  return dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

static void many(const char* object, int count)
{
  size_t size = 0;
  char* bytes = read_file(object, &size);
  void** handles = calloc((size_t)count, sizeof *handles);
  int loaded = 0;
  for (int i = 0; i < count && handles != NULL && bytes != NULL; i++) {
    handles[i] = load_copy(bytes, size, i);
    loaded += handles[i] != NULL;
  }
  printf("# %d objects, %zu sites\n", loaded, hp_site_count());
  OK(loaded == count, "so many objects are loaded");
  OK(hp_site_count() == (size_t)count + 1, "and their sites are known");

  IS(hp_apply("twice", times_ten), HP_AMBIGUOUS, "one name, many sites");
  int good = 1;
  for (int i = 0; i < count; i += count / 10) {
    char name[64];
    snprintf(name, sizeof name, "lib%d.so!twice", i);
    int_function function = (int_function)dlsym(handles[i], "twice");
    good = good && hp_apply(name, times_ten) == HP_OK && function(1) == 10 &&
           hp_revert(name) == HP_OK && function(1) == 2;
  }
  OK(good, "each can be replaced by its object's name");

  hp_transaction* all = hp_begin();
  for (int i = 0; i < count; i++) {
    char name[64];
    snprintf(name, sizeof name, "lib%d.so!twice", i);
    hp_add_apply(all, name, times_ten);
  }
  const hp_commit_options options = {sizeof(hp_commit_options), HP_QUIESCENT, 0,
                                     10000};
  const hp_status status = hp_commit(all, &options);
  IS(status, HP_OK, "or all at one moment");
  for (int i = 0; i < count; i++)
    good = good && ((int_function)dlsym(handles[i], "twice"))(1) == 10;
  OK(good, "all of them");
  IS(hp_revert_all(), HP_OK, "and back");
  for (int i = 0; i < count; i++) {
    char path[64];
    snprintf(path, sizeof path, "./lib%d.so", i);
    unlink(path);
    dlclose(handles[i]);
  }
  OK(hp_site_count() == 1, "unloaded, they are gone");
  free(handles);
  free(bytes);
}

/* --- Coming and going ----------------------------------------------------- */

static int stop;
static int loads;

static void* load_for_ever(void* object)
{
  while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
    void* handle = dlopen(object, RTLD_NOW | RTLD_LOCAL);
    int_function function =
        handle != NULL ? (int_function)dlsym(handle, "twice") : NULL;
    if (function != NULL) {
      const int got = function(1);
      if (got != 2 && got != 10)
        return object;
      __atomic_add_fetch(&loads, 1, __ATOMIC_RELAXED);
      dlclose(handle);
    }
  }
  return NULL;
}

static void coming_and_going(char* object)
{
  pthread_t threads[2];
  int applied = 0;
  int absent = 0;
  int good = 1;
  for (int i = 0; i < 2; i++)
    pthread_create(&threads[i], NULL, load_for_ever, object);
  /* How often the object is there is the scheduler's. */
  for (int round = 0; round < 1000000 && (applied < 50 || loads < 200);
       round++) {
    const hp_level level = round % 10 == 0   ? HP_STRICT
                           : round % 10 == 1 ? HP_QUIESCENT
                                             : HP_IMMEDIATE;
    const hp_commit_options options = {sizeof(hp_commit_options), level, 0,
                                       1000};
    hp_transaction* one = hp_begin();
    hp_add_apply(one, "twice", times_ten);
    const hp_status status = hp_commit(one, &options);
    if (status != HP_OK)
      hp_abort(one);
    applied += status == HP_OK;
    absent += status == HP_NOT_FOUND;
    if (status != HP_OK && status != HP_NOT_FOUND && status != HP_BUSY) {
      printf("# %s: %s\n", hp_status_name(status), hp_error_message());
      good = 0;
    }
    const hp_status back = hp_revert("twice");
    if (back != HP_OK && back != HP_NOT_FOUND && back != HP_NOT_APPLIED) {
      printf("# %s: %s\n", hp_status_name(back), hp_error_message());
      good = 0;
    }
  }
  __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
  for (int i = 0; i < 2; i++) {
    void* failed = NULL;
    pthread_join(threads[i], &failed);
    good = good && failed == NULL;
  }
  printf("# loaded %d times, applied %d times, not there %d times\n", loads,
         applied, absent);
  OK(good && applied >= 50, "loading and unloading race with changes");
}

/* --- Namespaces ----------------------------------------------------------- */

HP_PATCHABLE int answer(int x)
{
  return x + 1;
}

static void namespaces(const char* object, const char* replacement)
{
  void* apart = dlmopen(LM_ID_NEWLM, replacement, RTLD_NOW | RTLD_LOCAL);
  if (apart == NULL) {
    SKIP("another namespace", dlerror());
    return;
  }
  int_function thrice = (int_function)dlsym(apart, "thrice");
  IS(hp_apply("answer", thrice), HP_OK, "a replacement in another namespace");
  OK(answer(1) == 3, "is called");
  dlclose(apart);
  OK(mapped_parts("/replacement.so") > 0, "and is kept loaded");
  if (mapped_parts("/replacement.so") > 0)
    OK(answer(1) == 3, "and is still called");
  IS(hp_revert("answer"), HP_OK, "reverted");

  void* other = dlmopen(LM_ID_NEWLM, object, RTLD_NOW | RTLD_LOCAL);
  hp_site site;
  OK(other != NULL, "an object with a site in another namespace");
  IS(hp_site_find("twice", &site), HP_NOT_FOUND,
     "is not looked at: it has a library of its own");
  if (other != NULL)
    dlclose(other);
}

int main(int count, char** arguments)
{
  if (count != 4)
    return 2;
  many(arguments[1], atoi(arguments[3]));
  coming_and_going(arguments[1]);
  namespaces(arguments[1], arguments[2]);
  return done_testing();
}
