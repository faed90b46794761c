/* Replaces a function while another thread calls it, over and over.
 *
 * The worker greets as fast as it can.  The main thread replaces what it
 * calls, looks at the site, and puts the original back.  Nothing stops, and
 * the worker never knows.
 *
 * SPDX-License-Identifier: MIT
 */
#include <hotpatch.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

/* The plugin gives this function a patch site. */
HP_PATCHABLE const char* hello(void)
{
  return "hello";
}

/* Its replacement: an ordinary function of the same type. */
static const char* good_day(void)
{
  return "good day";
}

static atomic_int finished;
static _Atomic(const char*) last_greeting;
static atomic_ulong greetings;

static void* worker(void* unused)
{
  while (!finished) {
    last_greeting = hello();
    ++greetings;
  }
  return unused;
}

/* Waits until the worker has greeted a thousand times more. */
static void watch(const char* what)
{
  unsigned long enough = greetings + 1000;
  while (greetings < enough)
    ;
  printf("%-28s the worker says \"%s\"\n", what, last_greeting);
}

static int failed(void)
{
  fprintf(stderr, "hello: %s\n", hp_error_message());
  return 1;
}

int main(void)
{
  pthread_t thread;
  if (pthread_create(&thread, NULL, worker, NULL) != 0)
    return 1;
  watch("at first");

  if (hp_apply("hello", good_day) != HP_OK)
    return failed();
  watch("after hp_apply");

  const char* (*original)(void) = (const char* (*)(void))hp_original("hello");
  if (original == NULL)
    return failed();
  printf("%-28s the original says \"%s\"\n", "meanwhile", original());

  if (hp_revert("hello") != HP_OK)
    return failed();
  watch("after hp_revert");

  finished = 1;
  pthread_join(thread, NULL);
  return 0;
}
