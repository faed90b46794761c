#!/bin/sh
# What GCC tells callers about the memory that a body reads, writes and returns:
# programs that patch themselves, seen to go wrong without the countermeasure.
#
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # set in survival.sh
. "$HP_SRCDIR/testsuite/plugin/survival.sh"

# The body writes another variable, so the caller need not load this one again.
cat >modref.c <<'EOT'
#include "raw_patch.h"
int value;
long elsewhere;
static __attribute__((hotpatch)) void f(void) { ++elsewhere; }
static __attribute__((noipa)) void changes(void) { value = 7; }
__attribute__((noipa)) int calls(void)
{
  value = 1;
  f();
  return value;
}
int main(void)
{
  raw_patch((void *)f, (void *)changes);
  return calls() != 7;
}
EOT

# The same about a static variable whose address nothing takes.
sed 's/^int value/static int value/' modref.c >reference.c

# The body does not read a member, so the caller need not store it.
cat >store.c <<'EOT'
#include "raw_patch.h"
struct pair { int a, b; };
static __attribute__((hotpatch)) int f(struct pair *p) { return p->a; }
static __attribute__((noipa)) int other(struct pair *p) { return p->b; }
__attribute__((noipa)) int calls(int x)
{
  struct pair p = {x, x + 40};
  return f(&p);
}
int main(void)
{
  raw_patch((void *)f, (void *)other);
  return calls(2) != 42;
}
EOT

# The body returns new memory, so it is not what the caller knows already.
cat >malloc.c <<'EOT'
#include "raw_patch.h"
static int shared[4];
static __attribute__((hotpatch)) int *f(void) { return malloc(16); }
static __attribute__((noipa)) int *known(void) { return shared; }
__attribute__((noipa)) int calls(void)
{
  shared[0] = 1;
  int *const p = f();
  *p = 7;
  return shared[0];
}
int main(void)
{
  raw_patch((void *)f, (void *)known);
  return calls() != 7;
}
EOT

for options in -O2 '-O3 -fwhole-program' '-O3 -fipa-pta' '-Os -flto' \
  '-O2 -fPIC -fno-semantic-interposition'; do
  for file in modref.c reference.c store.c malloc.c; do
    # shellcheck disable=SC2086 # a list
    ok "$file survives $options" survives $file $options
  done
done

for options in -O2 '-O3 -fwhole-program' '-O3 -fipa-pta' \
  '-O2 -fPIC -fno-semantic-interposition'; do
  for file in modref.c reference.c store.c malloc.c; do
    # shellcheck disable=SC2086 # a list
    ok "$file survives $options where inlining is allowed" \
      survives_open $file $options
  done
done
for file in modref.c reference.c malloc.c; do
  ok "$file breaks where inlining is allowed and nothing is closed" \
    breaks_open $file -O2
done

ok "modref.c breaks without noipa" breaks modref.c -O2 $without=noipa
ok "modref.c breaks by ipa-modref alone" breaks modref.c -O2 $without=noipa \
  -fno-ipa-reference -fno-ipa-pure-const
ok "reference.c breaks by ipa-reference alone" breaks reference.c -O2 \
  $without=noipa -fno-ipa-modref
if [ "$($CC -dumpversion | cut -d. -f1)" -ge 12 ]; then
  ok "store.c breaks without noipa" breaks store.c -O2 $without=noipa
else
  skip "store.c breaks without noipa" "GCC 11 keeps such stores"
fi
ok "malloc.c breaks without noipa" breaks malloc.c -O2 $without=noipa
done_testing
