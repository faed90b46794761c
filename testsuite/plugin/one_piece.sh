#!/bin/sh
# A chosen function has no cold part elsewhere, where the level quiescent would
# not see a thread; and it is seen that it would not.
#
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2086,SC2154 # lists of options; set in survival.sh
. "$HP_SRCDIR/testsuite/plugin/survival.sh"

cat >program.c <<'EOT'
#include <hotpatch.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
static int inside[2], go_on[2];
/* Called from what the compiler takes for the cold part of f. */
__attribute__((cold, noipa)) void rare(int x)
{
  char byte;
  if (write(inside[1], "", 1) != 1 || read(go_on[0], &byte, 1) != 1)
    printf("cannot happen %d\n", x);
}
__attribute__((noipa)) int twice(int x) { return x * 2; }
HP_PATCHABLE int f(int x)
{
  if (x == 12345) {
    rare(x);
    x = twice(x);
    rare(x);
  }
  return twice(x) + 1;
}
static int other(int x) { return x; }
static void *calls(void *unused) { return f(12345) ? unused : NULL; }
int main(void)
{
  char byte;
  pthread_t thread;
  if (pipe(inside) || pipe(go_on) || pthread_create(&thread, 0, calls, 0) ||
      read(inside[0], &byte, 1) != 1)
    return 2;
  hp_transaction *change = hp_begin();
  hp_add_apply(change, "f", other);
  hp_commit_options options = {sizeof(hp_commit_options), HP_QUIESCENT, 0, 0};
  const hp_status status = hp_commit(change, &options);
  puts(hp_status_name(status));
  if (write(go_on[1], "xx", 2) != 2)
    return 2;
  pthread_join(thread, NULL);
  return status != HP_BUSY;
}
EOT
library=${HP_LIBRARY_DIR:-$HP_BUILDDIR/runtime/.libs}
# busy OPTION...: the thread inside f is noticed.
busy()
{
  cc -w program.c -o program -pthread "-L$library" "-Wl,-rpath,$library" \
    -lhotpatch "$@" || return 125
  ./program
}
for options in -O0 -O2 -Os '-O3 -fPIC' '-O2 -flto' '-O2 -fcf-protection=full'; do
  ok "$options: a thread in rarely executed code is inside" busy $options
  ok "$options: there is no f.cold" sh -c \
    'nm program >names && ! grep "f\.cold" names'
done
missed()
{
  busy -O2 $without=one-piece
  missed_status=$?
  nm program | grep 'f\.cold' && [ "$missed_status" = 1 ]
}
ok "control: where it is split, the thread is not noticed" missed
done_testing
