#!/bin/sh
# The bytes around a symbol, with every alignment that a user may ask for.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/plugin/sites.sh"

# remainder NAME MODULUS: of the symbol's address, then of the word's.
remainder()
{
  site "$1" a.out >site.out || return 1
  echo $(($(field symbol <site.out) % $2)) $(($(field word <site.out) % $2))
}

is()
{
  [ "$1" = "$2" ] || {
    echo "'$1', not '$2'"
    return 1
  }
}

word_is_second()
{
  for symbol in f g; do
    # shellcheck disable=SC2046 # two numbers
    set -- $(remainder $symbol 100000000)
    [ "$2" -gt "$1" ] || return 1
  done
}

hot='__attribute__((hotpatch))'
cat >default.c <<EOT
$hot int f(int x) { return x; }
int main(void) { return 0; }
EOT
ok "default, no CET: compiles" cc -O2 -fcf-protection=none default.c
ok "the symbol is 12 and the word 0 mod 16" is "$(remainder f 16)" "12 0"
ok "12 dead bytes" is "$(site f a.out | field pad)" 12
ok "another instruction comes first" sh -c \
  'objdump -d --disassemble=f a.out | grep -A1 "<f>:" |
   grep "0f 1f 40 00 *.*nopl"'
ok "without it: compiles" cc -O2 -fcf-protection=none default.c \
  -fplugin-arg-hotpatch-without=lead
ok "without it, symbol and word are 8 mod 16" is "$(remainder f 16)" "8 8"
ok "default, CET: compiles" cc -O2 -fcf-protection=full default.c
ok "endbr64 at 12 and the word at 0 mod 16" is "$(remainder f 16)" "12 0"
ok "12 dead bytes" is "$(site f a.out | field pad)" 12

# Where size counts more, a word has its quadword, but no block of 16 bytes: the
# first function ends 34 bytes after such a block.
cat >small.c <<EOT
$hot void f(void) { __asm__ volatile(".skip 9,0x90"); }
$hot void g(void) { __asm__ volatile(".skip 9,0x90"); }
int main(void) { f(), g(); return 0; }
EOT
for cet in none full; do
  set -- -fcf-protection=$cet -fno-toplevel-reorder small.c
  ok "-Os, CET $cet: compiles" cc -Os "$@"
  ok "-Os, CET $cet: it runs" ./a.out
  ok "-Os, CET $cet: the records are sound" has_site a.out f g
  ok "-Os, CET $cet: the next word is 8 mod 16" is "$(remainder g 16)" "4 8"
  ok "-O2, CET $cet: compiles" cc -O2 "$@"
  ok "-O2, CET $cet: there it is 0 mod 16" is "$(remainder g 16)" "12 0"
done

for align in 1 2 4 8 16 32 64 128 4096; do
  cat >align.c <<EOT
$hot __attribute__((aligned($align))) int f(int x) { return x; }
static $hot __attribute__((aligned($align))) int g(int x) { return x; }
int main(void) { return g((long)f % $align); }
EOT
  for cet in none full; do
    for level in 0 2; do
      name="aligned($align), CET $cet, -O$level:"
      ok "$name compiles" cc -O$level -fcf-protection=$cet align.c
      ok "$name the symbol is aligned" ./a.out
      ok "$name the records are sound" has_site a.out f g
      ok "$name another instruction comes first" word_is_second
    done
  done
done
ok "a pad too large for its field is cut short" \
  is "$(site f a.out | field pad)" 248

# The assembler's own check, of one word among several.
cat >several.c <<EOT
$hot int f(int x) { return x; }
$hot int g(int x) { return x; }
$hot int h(int x) { return x; }
EOT
ok "several words in one unit" cc -O2 -S several.c -o several.s
ok "pass the assembler's check" $CC -c several.s
sed 's/^.*\.LHPw1:/\tnop\n&/' several.s >moved.s
moved_is_refused()
{
  not $CC -c moved.s 2>err && grep 'a patch word is not aligned' err
}
ok "one that was moved does not, and why is said" moved_is_refused

# The assembler and this project's own reader would not let a misaligned word
# pass: without the alignment in front of the pad there is one.
cat >misaligned.c <<EOT
__asm__(".text; .skip 4,0xcc");
$hot int f(int x) { return x; }
int main(void) { return 0; }
EOT
ok "a word after odd code is aligned" cc -O0 -fcf-protection=none misaligned.c
ok "its record is sound" has_site a.out f
ok "without the alignment it compiles" cc -O0 -fcf-protection=none \
  -fplugin-arg-hotpatch-without=align misaligned.c
ok "and the word is not aligned" not has_site a.out f

# The body begins after the word, and the entry is what DESIGN shows.
dump()
{
  objdump -d --no-show-raw-insn --disassemble=f a.out | grep -o "$1" | head -n 1
}
cc -O2 -fcf-protection=full default.c
ok "endbr64 comes first" [ "$(dump 'endbr64')" = endbr64 ]
done_testing
