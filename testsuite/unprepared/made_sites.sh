#!/bin/sh
# Functions that another option of a compiler has prepared.
#
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2086 # CC may be several words
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/unprepared/analysis.sh"

cat >code.c <<'END'
int add(int a, int b) { return a + b; }
int twice(int a) { return 2 * a; }
int thrice(int a) { return 3 * a * a + 7; }
END

# made OUTPUT COMPILER OPTION...
made()
{
  made_output=$1
  shift
  "$@" -O2 -fPIC -shared -nostdlib -o "$made_output" code.c
}

# prepared WORD FILE NAME: who has prepared it.
prepared()
{
  "$hp_list" --unprepared --long -m "$3" "$2" >long
  cat long
  grep -q "^  prepared *$1\$" long
}

# overwrites FILE NAME BYTES
overwrites()
{
  "$hp_list" --unprepared --long -m "$2" "$1" >long
  cat long
  grep -q "^  overwrites *$3" long
}

for cet in none branch; do
  ok "gcc, -fcf-protection=$cet: -fpatchable-function-entry is built" \
    made gcc-$cet.so $CC -fcf-protection=$cet -fpatchable-function-entry=5
  ok "its one-byte no-ops need that threads stand" is several gcc-$cet.so add
  ok "it is known by its section" \
    prepared patchable-function-entry gcc-$cet.so add
  ok "nothing but no-ops is overwritten" \
    overwrites gcc-$cet.so add '90 90 90 90 90'
done
ok "gcc: no-ops before the symbol are passed over" \
  made before.so $CC -fcf-protection=branch -fpatchable-function-entry=7,2
ok "and those after it are used" overwrites before.so add '90 90 90 90 90'
# A program, for gcc has no -mnop-mcount for shared objects.
ok "gcc: -mnop-mcount is built" sh -c '
  echo "void _start(void) { for (;;); }" >start.c
  $1 -O2 -pg -mfentry -mnop-mcount -mrecord-mcount -fcf-protection=none \
    -fno-pie -no-pie -nostdlib -o mcount code.c start.c' sh "$CC"
ok "its no-op of five bytes takes one store" is one-store mcount add
ok "it is known by its section" prepared mcount mcount add

clang=
for each in clang clang-19 clang-18 clang-17 clang-16 clang-15 clang-14; do
  command -v $each >/dev/null && clang=$each && break
done
if [ -z "$clang" ]; then
  skip "clang's no-ops" "clang is not installed"
else
  ok "clang: -fpatchable-function-entry is built" \
    made clang.so $clang -fuse-ld=bfd -fpatchable-function-entry=8 -falign-functions=16
  ok "its one no-op of eight bytes takes one store" is one-store clang.so add
  ok "it is known by its section" prepared patchable-function-entry clang.so add
  ok "clang: with endbr64 before it" made clang-cet.so $clang -fuse-ld=bfd \
    -fcf-protection=branch -fpatchable-function-entry=5 -falign-functions=32
  ok "two bytes and a pad" is short-jump clang-cet.so thrice
  ok "clang: XRay is built" made xray.so $clang -fuse-ld=bfd \
    -fxray-instrument -fxray-instruction-threshold=1 -fno-xray-function-index
  ok "its jump over no-ops, and these, take one store" is one-store xray.so add
  ok "it is known by its section" prepared xray xray.so add
  ok "only its jump is moved" overwrites xray.so add 'eb 09'
  ok "clang: XRay with endbr64 is built" made xray-cet.so $clang -fuse-ld=bfd \
    -fcf-protection=branch -fxray-instrument -fxray-instruction-threshold=1 \
    -fno-xray-function-index
  ok "two bytes, which jump to the no-ops" is short-jump xray-cet.so add
  ok "the pad is what its jump passes over" sh -c '
    "$1" --unprepared --long -m add xray-cet.so | grep "pad .* 9 bytes"' sh "$hp_list"
fi

# --- In a running program -----------------------------------------------------------

built=$HP_BUILDDIR/runtime/.libs
LD_LIBRARY_PATH=$built:$LD_LIBRARY_PATH

# runs NAME COMPILER OPTION...: a program with functions that are prepared so; with
# quiescent=1 they need that level.
runs()
{
  runs_name=$1
  shift
  ok "$runs_name: a program is built" "$@" -O2 "-I$HP_SRCDIR" \
    "-I$HP_SRCDIR/runtime/include" "$HP_SRCDIR/testsuite/unprepared/made.c" \
    -o made "-L$built" -lhotpatch
  # shellcheck disable=SC2086 # an argument or none
  ok "$runs_name: its functions are replaced and reverted" ./made ${quiescent-}
}
quiescent=1
runs "gcc, -fpatchable-function-entry" $CC -fpatchable-function-entry=5
quiescent=
runs "gcc, -mnop-mcount" $CC -pg -mfentry -mnop-mcount -mrecord-mcount \
  -fcf-protection=none -fno-pie -no-pie
if [ -n "$clang" ]; then
  runs "clang, -fpatchable-function-entry" $clang -fpatchable-function-entry=8 \
    -falign-functions=16
  runs "clang, -fxray-instrument" $clang -fxray-instrument \
    -fxray-instruction-threshold=1
  quiescent=1
  runs "clang" $clang
fi
done_testing
