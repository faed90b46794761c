/* A program that loads a patch object by itself, for the test that hp-apply
 * does not interfere.
 *
 * SPDX-License-Identifier: MIT
 */
#include <hotpatch.h>

#include <stdio.h>
#include <unistd.h>

static int counter;

HP_PATCHABLE static int second(int x)
{
  return x + 2;
}

HP_PATCHABLE static int first(int x)
{
  ++counter;
  return 1000 * (x + 1) + second(x);
}

int main(int argc, char** argv)
{
  if (argc > 1 && hp_load(argv[1], 0) != HP_OK) {
    puts(hp_error_message());
    return 1;
  }
  for (;;) {
    printf("%d\n", first(10));
    fflush(stdout);
    usleep(5000);
  }
}
