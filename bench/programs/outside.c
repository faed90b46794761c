/* Waits with as many threads as its argument says, to be patched from outside.
 *
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static int counter;

__attribute__((hotpatch)) static int first(int x)
{
  return x + ++counter;
}

__attribute__((hotpatch)) static int second(int x)
{
  return first(x) + ++counter;
}

static void* wait_for_ever(void* unused)
{
  for (;;)
    counter = pause() + second(counter);
  return unused;
}

int main(int argc, char** argv)
{
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 64 * 1024);
  for (int i = argc > 1 ? atoi(argv[1]) : 1; i > 1; --i) {
    pthread_t thread;
    if (pthread_create(&thread, &small, wait_for_ever, NULL) != 0)
      return 1;
  }
  wait_for_ever(NULL);
}
