#!/bin/sh
# What whole-program and profile-guided optimisation do to the callers of a
# function and to copies of it: each program patches itself, and is seen to go
# wrong when the countermeasures are taken out.
#
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2086,SC2154 # lists of options; set in survival.sh
. "$HP_SRCDIR/testsuite/plugin/survival.sh"

# The body has no effect, so a call whose result is not used is dropped.
cat >dead_call.c <<'EOT'
#include "raw_patch.h"
static int count;
static __attribute__((hotpatch)) int f(int x) { return x * 3; }
static int counts(int x) { return ++count, x; }
__attribute__((noipa)) void calls(int x) { f(x); }
int main(void)
{
  raw_patch((void *)f, (void *)counts);
  calls(1);
  return count != 1;
}
EOT

# Every caller passes the same constant, so f.constprop is called instead.
cat >constprop.c <<'EOT'
#include "raw_patch.h"
volatile int sink;
static __attribute__((hotpatch)) int f(int n, int k)
{
  for (int i = 0; i < n; ++i)
    sink += k * i / (k + 1);
  return n;
}
static __attribute__((noipa)) int second(int n, int k) { return n * 0 + k; }
__attribute__((noipa)) int one(int n) { return f(n, 7); }
__attribute__((noipa)) int two(int n) { return f(n + 1, 7); }
int main(void)
{
  raw_patch((void *)f, (void *)second);
  return one(3) != 7 || two(3) != 7;
}
EOT

# One parameter is not used and one only read through, so f.isra has others;
# only where nothing takes the address of f and it is not `used`.
cat >isra.c <<'EOT'
#include "raw_patch.h"
struct pair { int a, b; };
volatile int sink;
extern char entry[] __asm__("f");
static int f(int unused, struct pair *p)
{
  for (int i = 0; i < p->a; ++i)
    sink += i / 3;
  return p->a;
}
static __attribute__((noipa)) int other(int unused, struct pair *p)
{
  return unused + p->b;
}
__attribute__((noipa)) int one(struct pair *p) { return f(4, p); }
__attribute__((noipa)) int two(struct pair *p) { return f(5, p); }
int main(void)
{
  struct pair p = {1, 2};
  raw_patch((void *)entry, (void *)other);
  return one(&p) != 6 || two(&p) != 7;
}
EOT

# The first test is cheap, so callers do it themselves and call f.part.
cat >partial.c <<'EOT'
#include "raw_patch.h"
volatile int sink;
__attribute__((hotpatch)) int f(int n)
{
  if (__builtin_expect(n == 0, 1))
    return 0;
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < i; ++j)
      sink += i / (j + 1) + sink % (n + 3) + i * j / (sink | 1);
  sink = n * n / (sink | 1);
  return sink;
}
static __attribute__((noipa)) int other(int n) { return n + 40; }
__attribute__((noipa)) int one(int n) { return f(n); }
__attribute__((noipa)) int two(int n) { return f(n) + f(n + 1); }
int main(void)
{
  raw_patch((void *)f, (void *)other);
  return one(0) != 40 || two(0) != 81;
}
EOT

# The body is as another's, so the compiler makes one of both.
cat >equal.c <<'EOT'
#include "raw_patch.h"
int sink;
static __attribute__((hotpatch, noinline)) int f(int x)
{
  sink = x * 3;
  return sink / 7 + x;
}
static __attribute__((noinline)) int g(int x)
{
  sink = x * 3;
  return sink / 7 + x;
}
static __attribute__((noipa)) int other(int x) { return x + 40; }
__attribute__((noipa)) int calls(int x) { return f(x) - g(x); }
int main(void)
{
  raw_patch((void *)f, (void *)other);
  return calls(7) != 47 - 10;
}
EOT

# All that the body returns is below 8, so the caller's test is dropped.
cat >range.c <<'EOT'
#include "raw_patch.h"
volatile int sink;
static __attribute__((hotpatch)) int f(int x) { return (sink + x) & 7; }
static __attribute__((noipa)) int large(int x) { return x + 40; }
__attribute__((noipa)) int calls(int x) { return f(x) > 7; }
int main(void)
{
  raw_patch((void *)f, (void *)large);
  return calls(1) != 1;
}
EOT

# A call of itself at the end becomes a jump after the patch word.
cat >recursion.c <<'EOT'
#include "raw_patch.h"
static __attribute__((noipa)) int other(int n) { return n + 40; }
__attribute__((hotpatch)) int f(int n)
{
  if (n == 0)
    return 0;
  if (n == 3)
    raw_patch((void *)f, (void *)other);
  return f(n - 1);
}
int main(void) { return f(5) != 42; }
EOT
# The same through an alias, and with something added to the result.
{
  sed 's/return f(n - 1)/return again(n - 1)/
    s/^__attribute__((hotpatch)).*/int again(int);\n&/' recursion.c
  echo 'int again(int n) __attribute__((alias("f")));'
} >recursion_alias.c
sed 's/return f(n - 1)/return n + f(n - 1)/; s/!= 42/!= 54/' recursion.c \
  >recursion_sum.c
# Optimised by itself, in a unit that is not.
sed 's/^__attribute__((hotpatch))/& __attribute__((optimize("O2")))/' \
  recursion.c >recursion_alone.c
# GCC's notes on memory are other ones for such calls than for unknown ones.
cat >recursion_pure.c <<'EOT'
__attribute__((hotpatch, const)) int f(int n) { return n < 2 ? n : f(n - 1); }
__attribute__((hotpatch, const)) int fib(int n)
{
  return n < 2 ? n : fib(n - 1) + fib(n - 2);
}
__attribute__((hotpatch, pure)) int g(int *p) { return *p < 2 ? *p : g(p + 1); }
__attribute__((hotpatch, noreturn)) void end(int n)
{
  if (n > 5)
    __builtin_exit(0);
  end(n + 1);
}
int main(void)
{
  int a[] = {5, 7, 1};
  if (f(5) + g(a) + fib(6) == 10)
    end(0);
  return 1;
}
EOT
# A recursion as deep as this needs its tail call to be a jump.
cat >deep.c <<'EOT'
__attribute__((hotpatch)) long f(long n, long sum)
{
  return n ? f(n - 1, sum + n) : sum;
}
int main(void) { return f(20000000, 0) != 20000000L * 20000001 / 2; }
EOT

# Tail calls into and out of a patched function.
cat >sibling.c <<'EOT'
#include "raw_patch.h"
__attribute__((noipa)) int g(int x) { return x + 1; }
__attribute__((hotpatch)) int f(int x) { return g(x * 2); }
static __attribute__((noipa)) int other(int x) { return g(x * 3); }
__attribute__((noipa)) int calls(int x) { return f(x + 1); }
int main(void)
{
  raw_patch((void *)f, (void *)other);
  return calls(1) != 7;
}
EOT

# There is one implementation, so the caller guesses it.
cat >virtual.cc <<'EOT'
#include "raw_patch.h"
struct base { virtual int f(int x) = 0; virtual ~base() {} };
struct leaf : base { [[gnu::hotpatch]] int f(int x) override; };
int leaf::f(int x) { return x + 1; }
[[gnu::noipa]] static int other(leaf*, int x) { return x + 40; }
[[gnu::noipa]] int calls(base* b, int x) { return b->f(x); }
int main()
{
  leaf l;
  raw_patch((void*)(int (*)(leaf*, int))&leaf::f, (void*)other);
  return calls(&l, 2) != 42;
}
EOT

# A profile says where a pointer mostly leads, so the caller guesses it.
# Without an argument the program is trained, with one it is patched.
cat >pointer.c <<'EOT'
#include "raw_patch.h"
volatile int sink;
__attribute__((hotpatch)) int f(int x) { return x + 1; }
static __attribute__((noipa)) int other(int x) { return x + 40; }
__attribute__((noipa)) int calls(int (*p)(int), int x) { return p(x); }
int (*volatile pointer)(int) = f;
int main(int argc, char **argv)
{
  if (argc > 1) {
    raw_patch((void *)f, (void *)other);
    return calls(pointer, 2) != 42;
  }
  for (int i = 0; i < 100000; ++i)
    sink += calls(pointer, i);
  return 0;
}
EOT

programs='dead_call.c constprop.c partial.c equal.c range.c recursion.c
  recursion_alias.c recursion_sum.c recursion_pure.c deep.c sibling.c
  virtual.cc'
for options in -O2 '-O3 -fwhole-program' '-Os -flto' \
  '-O2 -fPIC -fno-semantic-interposition'; do
  for file in $programs; do
    # shellcheck disable=SC2086 # a list
    ok "$file survives $options" survives $file $options
  done
done

for options in -O2 '-O3 -fwhole-program' \
  '-O2 -fPIC -fno-semantic-interposition'; do
  for file in $programs isra.c; do
    # shellcheck disable=SC2086 # a list
    ok "$file survives $options where inlining is allowed" \
      survives_open $file $options
  done
done

# The name in the assembly does not survive -flto.
match=-fplugin-arg-hotpatch-match=f
for options in -O2 '-O3 -fwhole-program'; do
  # shellcheck disable=SC2086
  ok "isra.c survives $options" survives isra.c $options $match
done

visible="-O2 $without=noipa $without=noinline $without=noclone"
ok "dead_call.c breaks without noipa" breaks dead_call.c -O2 $without=noipa
for file in dead_call.c constprop.c; do
  ok "$file breaks where inlining is allowed and nothing is closed" \
    breaks_open $file -O3
done
if [ "$($CC -dumpversion | cut -d. -f1)" -ge 14 ]; then
  ok "range.c breaks without noipa" breaks range.c -O2 $without=noipa
else
  skip "range.c breaks without noipa" "GCC before 14 does not pass ranges"
fi
# GCC folds only functions whose attributes are equal, and a site has its own.
cat >folded.c <<'EOT'
int sink[64];
static __attribute__((noinline)) int f(int x)
{
  for (int i = 0; i < x; ++i)
    sink[i] += sink[i * 7 & 63] * x + sink[i * 5 & 63] / (x + 1);
  return sink[x & 63];
}
static __attribute__((noinline)) int g(int x)
{
  for (int i = 0; i < x; ++i)
    sink[i] += sink[i * 7 & 63] * x + sink[i * 5 & 63] / (x + 1);
  return sink[x & 63];
}
int calls(int x) { return f(x) - g(x + 1); }
EOT
# folds OPTION...: f and g are two names of one function.
folds()
{
  $CC -w -O2 -S folded.c -o folded.s "$@" && grep 'set.*g,f' folded.s
}
ok "GCC folds equal functions" folds
ok "with sites it does not" not folds "-fplugin=$HP_PLUGIN" "$all"
# makes SYMBOL FILE OPTION...: it goes wrong, and because there is such a clone.
makes()
{
  makes_symbol=$1
  shift
  breaks "$@" && nm program | grep -F " f.$makes_symbol"
}
noclone="$without=noipa $without=noclone"
# shellcheck disable=SC2086
{
  ok "constprop.c breaks when it is cloned" makes constprop constprop.c -O3 \
    $noclone
  ok "isra.c is another function when it is cloned" cc -O2 -c isra.c -o isra.o \
    $match $noclone
  ok "partial.c breaks when it is split" makes part partial.c $visible
  ok "sibling.c breaks when it is inlined" breaks sibling.c $visible
  ok "virtual.cc breaks when it is guessed" breaks virtual.cc $visible \
    -fdevirtualize-speculatively
}
# f.constprop.0 from GCC 11, f.isra.0 or both from later ones.
ok "of another name" sh -c 'nm isra.o | grep " f[.].*\(isra\|constprop\)"'
ok "and gone itself" not sh -c 'nm isra.o | grep " t f\$"'
ok "recursion_alone.c survives -O0" survives recursion_alone.c -O0
ok "recursion_alone.c breaks when it becomes a loop" breaks recursion_alone.c \
  -O0 $without=recursion
for file in recursion.c recursion_alias.c recursion_sum.c; do
  ok "$file breaks when it becomes a loop" breaks $file -O2 $without=recursion
done
ok "a public function under -fPIC survives without noipa" survives partial.c \
  -O2 -fPIC $without=noipa
# shellcheck disable=SC2086
ok "but breaks with -fno-semantic-interposition" breaks partial.c $visible \
  -fPIC -fno-semantic-interposition
sed 's/^static __attribute__((hotpatch))/__attribute__((hotpatch))/' \
  dead_call.c >public.c
# shellcheck disable=SC2086
ok "a public function breaks with -fwhole-program" breaks public.c -O2 \
  $without=noipa -fwhole-program

# trained OPTION...: compiled, trained, compiled again and patched.
trained()
{
  rm -f ./*.gcda
  cc -O2 -fprofile-generate -fprofile-update=single pointer.c -o program \
    "$@" && ./program && cc -O2 -fprofile-use pointer.c -o program "$@" &&
    ./program patch
}
ok "pointer.c survives training" trained
# shellcheck disable=SC2086
ok "pointer.c breaks when the pointer is guessed" not trained $visible
done_testing
