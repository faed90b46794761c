/* A program whose first thread has ended by pthread_exit(), and goes on in
 * another one: everything that the library does works as before.
 *
 * Arguments: the directory with patch.so, and "mdwe" if memory must not be
 * writable and executable.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <hotpatch.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "testsuite/lib/far_code.h"
#include "testsuite/lib/tap.h"

HP_PATCHABLE int answer(int x)
{
  return x + 1;
}
HP_PATCHABLE int other(int x)
{
  return x + 2;
}
static int new_answer(int x)
{
  return x * 10;
}
static int new_other(int x)
{
  return x * 20;
}

static const char* directory;
static int denies_writing;
static volatile int leave;

static void rest(void)
{
  const struct timespec millisecond = {0, 1000000};
  nanosleep(&millisecond, NULL);
}

static int first_thread_has_ended(void)
{
  char line[256] = "";
  FILE* const status = fopen("/proc/self/status", "r");
  while (status != NULL && fgets(line, sizeof line, status) != NULL)
    if (strncmp(line, "State:", 6) == 0)
      break;
  if (status != NULL)
    fclose(status);
  return strchr(line, 'Z') != NULL;
}

static void* other_thread(void* nothing)
{
  while (!leave)
    rest();
  return nothing;
}

static void commits_at(hp_level level, const char* name)
{
  const hp_commit_options options = {
      .size = sizeof(hp_commit_options), .level = level, .timeout_ms = 5000};
  hp_transaction* both = hp_begin();
  hp_add_apply(both, "answer", new_answer);
  hp_add_apply(both, "other", new_other);
  IS(hp_commit(both, &options), HP_OK, name);
  OK(answer(3) == 30 && other(3) == 60, "both are replaced");
  both = hp_begin();
  hp_add_revert_all(both);
  IS(hp_commit(both, &options), HP_OK, "and are reverted");
  OK(answer(3) == 4 && other(3) == 5, "both are as they were");
}

static void reaches_far_code(void)
{
  int_function far = far_times_three();
  if (far == NULL) {
    SKIP("code far away", "this system gives no memory there");
    return;
  }
  IS(hp_apply("answer", far), HP_OK, "code far away is reached");
  OK(answer(3) == 9, "and called");
  IS(hp_revert("answer"), HP_OK, "and left");
}

static void loads_an_object(void)
{
  char path[4096];
  snprintf(path, sizeof path, "%s/patch.so", directory);
  IS(hp_load(path, NULL), HP_OK, "a patch object is loaded");
  OK(answer(3) == 300, "its replacement is called");
  IS(hp_unload("patch", NULL), HP_OK, "it is unloaded");
  OK(answer(3) == 4, "the original is called");
}

static void* work(void* nothing)
{
  pthread_t helper;
  while (!first_thread_has_ended())
    rest();
  pthread_create(&helper, NULL, other_thread, NULL);
  IS(hp_apply("answer", new_answer), HP_OK, "one function is replaced");
  OK(answer(3) == 30, "the replacement is called");
  IS(hp_revert("answer"), HP_OK, "it is reverted");
  OK(strcmp(hp_writer(), denies_writing ? "proc-mem" : "rwx-window") == 0,
     "text is written as the system allows it");
  commits_at(HP_IMMEDIATE, "immediate");
  commits_at(HP_STRICT, "strict");
  commits_at(HP_QUIESCENT, "quiescent");
  commits_at(HP_SAFEPOINT, "at safe points");
  if (!denies_writing)
    reaches_far_code();
  loads_an_object();
  IS(hp_control_open(NULL), HP_OK, "a control socket is offered");
  IS(hp_control_close(), HP_OK, "and closed");
  leave = 1;
  pthread_join(helper, NULL);
  exit(done_testing());
  return nothing;
}

int main(int argc, char** argv)
{
  pthread_t thread;
  directory = argc > 1 ? argv[1] : ".";
#ifdef PR_SET_MDWE
  const int set_mdwe = PR_SET_MDWE;
#else
  const int set_mdwe = 65; /* Linux 6.3 */
#endif
  if (argc > 2 && strcmp(argv[2], "mdwe") == 0) {
    denies_writing = prctl(set_mdwe, 1UL, 0UL, 0UL, 0UL) == 0;
    if (!denies_writing) {
      printf("1..0 # SKIP this kernel has no PR_SET_MDWE\n");
      return 0;
    }
  }
  pthread_create(&thread, NULL, work, NULL);
  pthread_exit(NULL);
}
