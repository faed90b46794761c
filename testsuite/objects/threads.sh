#!/bin/sh
# Patch objects and threads, see threads.c; and without the precaution.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/objects/objects.sh"
. "$HP_SRCDIR/testsuite/lib/controls.sh"

cat >slow.c <<'EOT'
#include <hotpatch.h>
#include <time.h>
extern int gate;
__attribute__((noinline)) static int waiting(int x)
{
  const struct timespec millisecond = {0, 1000000};
  __atomic_store_n(&gate, 1, __ATOMIC_RELEASE);
  while (__atomic_load_n(&gate, __ATOMIC_ACQUIRE) != 2)
    nanosleep(&millisecond, 0);
  return x + 1000;
}
HP_REPLACES("work") static int slow_work(int x) { return waiting(x); }
EOT
cat >quick.c <<'EOT'
#include <hotpatch.h>
__attribute__((noinline)) static int quickly(int x) { return x + 2000; }
HP_REPLACES("work") static int quick_work(int x) { return quickly(x); }
EOT
patch slow && patch quick || exit 99
# shellcheck disable=SC2086 # a list of options
cc -O2 "-I$HP_SRCDIR" "$HP_SRCDIR/testsuite/objects/threads.c" -o threads \
  $with_library -lpthread || exit 99
begin_with ./threads "$workdir"

unload_control()
{
  build_control_library && control_program objects/threads.c controlled &&
    ./controlled "$workdir" inside &&
    without look_before_unloading fails ./controlled "$workdir" inside
}
ok "control: unloading that looks at no thread is noticed" unload_control

# In nearly each run an object is read that was unloaded.
pin_control()
{
  build_control_library && control_program objects/threads.c pinned &&
    ./pinned "$workdir" checked || return
  for _ in 1 2 3 4 5 6 7 8; do
    without pin_what_was_noted ./pinned "$workdir" checked || return 0
  done
  echo "without it the test passes as well"
  return 1
}
ok "control: keeping what has the name of an object is not enough" pin_control
done_testing
