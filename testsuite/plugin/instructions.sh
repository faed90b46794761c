#!/bin/sh
# What changes the instructions of functions or makes several of one: each of
# these options and attributes leaves a patched program right, or is refused.
#
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2086,SC2154 # lists of options; set in survival.sh
. "$HP_SRCDIR/testsuite/plugin/survival.sh"

visible="$without=noipa $without=noinline $without=noclone"
cat >plain.c <<'EOT'
#include "raw_patch.h"
static __attribute__((hotpatch)) int f(int x) { return x * 3 + 1; }
static __attribute__((noipa)) int other(int x)
{
  __asm__ volatile("xorl %%ecx, %%ecx; xorl %%edx, %%edx; xorl %%r11d, %%r11d"
                   ::: "ecx", "edx", "r11");
  return x + 40;
}
__attribute__((noipa)) int calls(int a, int b, int c)
{
  return f(a) + a + b + c;
}
int main(void)
{
  if (calls(1, 2, 4) != 11)
    return 2;
  raw_patch((void *)f, (void *)other);
  return calls(1, 2, 4) != 48;
}
EOT
for options in -fzero-call-used-regs=all -fzero-call-used-regs=used-gpr-arg \
  -fharden-compares -fharden-conditional-branches \
  -fharden-control-flow-redundancy -fhardened -fstack-protector-all \
  -fstack-clash-protection -fcf-protection=full -fcf-protection=branch \
  -mindirect-branch=thunk -mfunction-return=thunk -mharden-sls=all; do
  if knows "$options"; then
    ok "plain.c survives $options" survives plain.c -O2 "$options"
    ok "plain.c survives $options -flto" survives plain.c -O2 "$options" -flto
    ok "plain.c breaks with $options when it is visible" breaks plain.c -O2 \
      "$options" $visible
  else
    skip "plain.c survives $options" "this GCC does not know it"
  fi
done

# A jump from an asm goto to the first statement.
cat >asm_goto.c <<'EOT'
#include "raw_patch.h"
static int rounds;
__attribute__((hotpatch)) int f(int x)
{
again:
  __asm__ goto("addl $1, %0\n\tcmpl $5, %0\n\tjl %l1"
               : : "m"(rounds) : "memory", "cc" : again);
  return rounds + x;
}
static __attribute__((noipa)) int other(int x) { return x + 40; }
int main(void)
{
  if (f(1) != 6)
    return 2;
  raw_patch((void *)f, (void *)other);
  return f(2) != 42;
}
EOT
# The same, patched in the middle of the loop, which the old body goes on with.
sed '/^static.*other/d
  s/^static int rounds;/&\nstatic __attribute__((noipa)) int other(int x) { return x + 40; }/
  s/^again:$/&\n  if (x == 1 \&\& rounds == 2)\n    raw_patch((void *)f, (void *)other);/
  /^  raw_patch/d' asm_goto.c >asm_goto_inside.c
for options in -O0 -O2 '-O2 -fcf-protection=full'; do
  # shellcheck disable=SC2086
  ok "asm_goto_inside.c survives $options" survives asm_goto_inside.c $options
  # shellcheck disable=SC2086
  ok "asm_goto.c survives $options" survives asm_goto.c $options
done

# Control: a loop that begins with the word is left in its middle.
asm_goto_at_the_word()
{
  cc -O2 -S asm_goto_inside.c -o goto.s &&
    sed 's/jl \.L[0-9]*/jl f/' goto.s >word.s &&
    $CC goto.s -o program && ./program && $CC word.s -o program || return
  ./program
  [ $? -ne 0 ]
}
ok "asm_goto_inside.c breaks where the word is in the loop" asm_goto_at_the_word

# With -fcf-protection a call through a pointer has to find endbr64.
begins_with_endbr()
{
  objdump -d --no-show-raw-insn --disassemble="$1" program |
    grep -A1 "<$1>:" | grep -w endbr64
}
echo 'HOT int f(int x) { return x; } int main(void) { return f(0); }' >endbr.c
hot='-DHOT=__attribute__((hotpatch))'
for options in -O0 -O2 '-O2 -flto' '-O2 -pg -mfentry' '-O2 -falign-functions=64'
do
  ok "endbr.c compiles with $options" survives endbr.c "$hot" \
    -fcf-protection=full $options
  ok "and begins with endbr64" begins_with_endbr f
done
ok "GCC's own hook compiles" survives endbr.c -O2 -fcf-protection=full \
  '-DHOT=__attribute__((ms_hook_prologue))'
ok "and does not begin with it" not begins_with_endbr f

# A vectorised loop would call a variant of f.
cat >simd.c <<'EOT'
#include "raw_patch.h"
HOT SIMD int f(int x) { return x * 3; }
static __attribute__((noipa)) int other(int x) { return x + 40; }
int in[64], out[64];
__attribute__((noipa)) void loop(void)
{
  for (int i = 0; i < 64; ++i)
    out[i] = f(in[i]);
}
int main(void)
{
  if (PATCH)
    raw_patch((void *)f, (void *)other);
  loop();
  for (int i = 0; i < 64; ++i)
    if (out[i] != (PATCH ? 40 : 0))
      return 1;
  return 0;
}
EOT
simd='-DSIMD=__attribute__((simd("notinbranch")))'
no_compile()
{
  ! cc "$@" >/dev/null 2>&1
}
ok "simd.c survives without variants" survives simd.c -O3 -DSIMD= "$hot" \
  -DPATCH=1
ok "simd.c with variants is an error" no_compile -O3 -c simd.c "$simd" "$hot" \
  -DPATCH=1 -o simd.o
ok "it says why" says "callers use its vector variants" cc -O3 -c simd.c \
  "$simd" "$hot" -DPATCH=1 -o simd.o
ok "simd.c breaks when it gets a site all the same" breaks simd.c -O3 \
  "$simd" "$hot" -DPATCH=1 $without=refusal $without=noipa $without=noclone
ok "-all leaves it as it is" survives simd.c -O3 "$simd" -DHOT= -DPATCH=0 $all
ok "and its variants" sh -c 'nm program | grep -q _ZGV'
ok "and it has no site" has_no_site program f
cat >declare_simd.c <<'EOT'
#pragma omp declare simd notinbranch
int f(int x) { return x * 3; }
int main(void) { return f(0); }
EOT
ok "declare simd without -fopenmp-simd does nothing" survives declare_simd.c \
  -O2 $all
ok "so there is a site" has_site program f
ok "declare simd is left as it is" survives declare_simd.c -O2 $all \
  -fopenmp-simd
ok "so there is none" has_no_site program f

# Versions of one function, between which the loader chooses.
cat >versions.c <<'EOT'
__attribute__((target_clones("avx2", "default"))) int f(int x) { return x; }
static int one(int x) { return x + 1; }
static int (*resolve(void))(int) { return one; }
int g(int x) __attribute__((ifunc("resolve")));
int main(void) { return f(0) || g(1) != 2; }
EOT
for options in -O2 '-O2 -flto' '-O2 -fPIC -pie'; do
  # shellcheck disable=SC2086
  ok "versions.c works with -all $options" survives versions.c $options $all
  ok "what the resolver returns has a site" has_site program one
  ok "the others have none" has_no_site program f resolve
done
ok "versions.c does not even compile when all get sites" no_compile -O2 -c \
  versions.c -o versions.o $all $without=refusal
# The resolver has run before anybody can replace it.
cat >resolver.c <<'EOT'
#include "raw_patch.h"
static int one(int x) { return x + 1; }
static __attribute__((hotpatch)) int (*resolve(void))(int) { return one; }
static __attribute__((noipa)) int other(int x) { return x + 40; }
static __attribute__((noipa)) int (*others(void))(int) { return other; }
int g(int x) __attribute__((ifunc("resolve")));
int main(void)
{
  raw_patch((void *)resolve, (void *)others);
  return g(2) != 42;
}
EOT
ok "resolver.c with a site in the resolver is an error" no_compile -O2 -c \
  resolver.c -o resolver.o
ok "resolver.c breaks when it gets a site all the same" breaks resolver.c -O2 \
  $without=refusal
# The chosen one of them is an ordinary function.
cat >chosen_version.c <<'EOT'
#include "raw_patch.h"
static __attribute__((hotpatch)) int one(int x) { return x + 1; }
static __attribute__((noipa)) int other(int x) { return x + 40; }
static int (*resolve(void))(int) { return one; }
int g(int x) __attribute__((ifunc("resolve")));
int main(void)
{
  raw_patch((void *)one, (void *)other);
  return g(2) != 42;
}
EOT
ok "chosen_version.c survives" survives chosen_version.c -O2

# The linker looks for the stack check at the symbol.
echo 'int f(int x) { return x; } int main(void) { return f(0); }' >split.c
if knows -fsplit-stack; then
  ok "-fsplit-stack works with -all" survives split.c -O2 -fsplit-stack $all
  ok "and without sites" has_no_site program f main
  # The linker has to change the check where a function without it is called.
  echo 'int g(int x) { return x; }' >other_stack.c
  echo 'int g(int); int f(int x) { return g(x); }
int main(void) { return f(0); }' >mixed.c
  $CC -O2 -c other_stack.c -o other_stack.o
  for linker in gold lld; do
    set -- -O2 -fsplit-stack "-fuse-ld=$linker" other_stack.o
    if ! command -v "ld.$linker" >/dev/null; then
      skip "a call from a split stack links with $linker" "it is not installed"
      continue
    fi
    ok "a call from a split stack links with $linker" survives mixed.c "$@" $all
    ok "not when all get sites" not cc mixed.c -o mixed "$@" $all \
      $without=refusal
  done
else
  skip "-fsplit-stack works with -all" "it does not link here"
fi

# Two equal functions, which a linker may fold into one.
cat >twins.c <<'EOT'
int one(int x) { return x + 1; }
int two(int x) { return x + 1; }
int main(void) { return one(1) + two(1) - 4; }
EOT
addresses()
{
  nm twins | sed -n 's/^\([0-9a-f]*\) T \(one\|two\)$/\1/p' | sort -u | wc -l
}
for linker in lld gold; do
  if ! command -v "ld.$linker" >/dev/null; then
    skip "$linker keeps equal functions apart" "ld.$linker is not installed"
    continue
  fi
  set -- -O0 -ffunction-sections "-fuse-ld=$linker" -Wl,--icf=all twins.c -o \
    twins
  ok "equal functions link with $linker" cc "$@" $all
  ok "$linker keeps equal functions apart" [ "$(addresses)" = 2 ]
  ok "their records are sound" has_site twins one two
  # shellcheck disable=SC2086
  ok "equal functions link without the plugin" $CC "$@"
  ok "without the plugin $linker folds them" [ "$(addresses)" = 1 ]
  # Each of two things keeps them apart: ids, and references to their records.
  cc "$@" $all $without=reference
  ok "the ids alone keep them apart" [ "$(addresses)" = 2 ]
  cc "$@" $all $without=id
  ok "the references alone keep them apart" [ "$(addresses)" = 2 ]
  cc "$@" $all $without=id $without=reference
  ok "without both $linker folds them" [ "$(addresses)" = 1 ]
done
done_testing
