#!/bin/sh
# The section: goes and stays with the code, needs no relocation at run time,
# survives strip, and is one per text section.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/plugin/sites.sh"

cat >part.c <<'EOT'
int used(int x) { return x; }
int unused(int x) { return x + 1; }
__attribute__((section(".text.mine"))) int unused_there(int x) { return x + 2; }
EOT
cat >main.c <<'EOT'
int used(int);
int main(void) { return used(0); }
EOT
# What .hotpatch.str of a program holds, a line for each string.
strings_of()
{
  readelf -p .hotpatch.str "$1" | sed -n 's/^ *\[ *[0-9a-f]*]  //p'
}
strings_go()
{
  strings_of program >strings.out && cat strings.out &&
    grep -qx used strings.out &&
    ! grep unused strings.out && [ "$(grep -cx part.c strings.out)" = 1 ]
}
for linker in bfd gold lld; do
  if ! command -v "ld.$linker" >/dev/null; then
    skip "$linker drops record and code together" "ld.$linker is not installed"
    continue
  fi
  set -- -O2 -ffunction-sections -fuse-ld=$linker $all part.c main.c -o program
  ok "$linker: keeps everything" cc "$@"
  ok "$linker: every site" has_site program used unused unused_there main
  ok "$linker: gc-sections links" cc -Wl,--gc-sections "$@"
  ok "$linker: the used site stays" has_site program used main
  ok "$linker: the unused site goes" has_no_site program unused unused_there
  ok "$linker: its strings go, and those that stay are there once" strings_go
  ok "$linker: its code goes" sh -c '! nm program | grep -w unused'
done
if command -v ld.gold >/dev/null; then
  ok "control: gold, and text that does not refer to records" cc -O2 \
    -ffunction-sections -fuse-ld=gold -Wl,--gc-sections $all \
    -fplugin-arg-hotpatch-without=reference part.c main.c -o dropped
  ok "control: no records are left" has_no_site dropped used main
fi

sorted()
{
  sites "$1" | field word | sort -c
}
ok "records are sorted by address" sorted program

# One record section for each text section, not for each function.
ok "an object compiles" cc -O2 -c $all part.c -o part.o
count()
{
  [ "$(readelf -SW "$2" | grep -c ' \.hotpatch  ')" = "$1" ]
}
ok "one section for each text section" count 2 part.o
cc -O2 -c -ffunction-sections $all part.c -o part.o
ok "one for each function with -ffunction-sections" count 3 part.o
flags_of()
{
  readelf -SW "$2" | sed 's/^ *\[ *[0-9]*] //' | awk -v s="$1" '$1 == s { print $7 }' |
    sort -u
}
ok ".hotpatch is allocated and linked to its text" \
  [ "$(flags_of .hotpatch part.o)" = AL ]
ok ".hotpatch.str is merged strings" [ "$(flags_of .hotpatch.str part.o)" = AMS ]

# COMDAT: two files with the same inline function have one site of it.
cat >one.cc <<'EOT'
inline int shared(int x) { return x; }
template <class T> T also(T x) { return x; }
int two(int);
int main() { return shared(0) + also(0) + two(0); }
EOT
cat >two.cc <<'EOT'
inline int shared(int x) { return x; }
template <class T> T also(T x) { return x; }
int two(int x) { return shared(x) + also(x); }
EOT
once()
{
  [ "$(sites program | grep -c '^name=_Z6sharedi \|^name=_Z4alsoIiET_S0_ ')" = 2 ]
}
for linker in bfd gold lld; do
  command -v "ld.$linker" >/dev/null || continue
  ok "$linker: COMDAT links" cxx -O0 -fuse-ld=$linker $all one.cc two.cc -o program
  ok "$linker: COMDAT functions have one site" once
  ok "$linker: it runs" ./program
done
cxx -O0 -c $all two.cc
in_group()
{
  readelf -gW two.o | sed -n '/_Z6sharedi/,/^$/p' | grep -q ' \.hotpatch$'
}
ok "the record is in the group of its function" in_group

# Position-independent, no dynamic relocations, no writable text.
cat >library.cc <<'EOT'
struct s { virtual int f(int x); s(); };
s::s() {}
int s::f(int x) { return x; }
static int hidden(int x) { return x; }
inline int comdat(int x) { return hidden(x); }
int (*pointer)(int) = comdat;
EOT
in_records()
{
  # shellcheck disable=SC2046 # four numbers
  set -- $(readelf -SW library.so | sed 's/^ *\[ *[0-9]*] //' |
    awk '$1 == ".hotpatch" || $1 == ".hotpatch.str" { print $3, $5 }')
  readelf -rW library.so | awk '/R_X86_64/ { print $1 }' >offsets
  while read -r offset; do
    at=$((0x$offset))
    for range in "$1 $2" "$3 $4"; do
      from=$((0x${range% *})) size=$((0x${range#* }))
      [ $at -lt $from ] || [ $at -ge $((from + size)) ] || return 0
    done
  done <offsets
  return 1
}
for linker in bfd gold lld; do
  command -v "ld.$linker" >/dev/null || continue
  ok "$linker: a shared object links with -z text" cxx -O2 -fPIC -shared \
    -fuse-ld=$linker -Wl,-z,text $all library.cc -o library.so
  ok "$linker: records without dynamic relocations" not in_records
  ok "$linker: no TEXTREL" sh -c '! readelf -dW library.so | grep TEXTREL'
  ok "$linker: sites" has_site library.so _ZN1sC2Ev _ZN1s1fEi _ZL6hiddeni _Z6comdati
done
read_only()
{
  readelf -lW library.so | awk '/^ *LOAD/ { n++; flags[n] = $7 $8 }
    / \.hotpatch / { split($1, i, /^0*/); segment = i[2] }
    END { exit flags[segment + 1] ~ /W/ }'
}
ok "the section is read-only" read_only

# Tools that rewrite files keep it.
cc -O2 -g $all part.c main.c -o program
for tool in 'strip' 'strip -s' 'strip -g' 'objcopy --only-section=.text \
  --only-section=.hotpatch --only-section=.hotpatch.str'; do
  cp program stripped
  # shellcheck disable=SC2086 # a command
  case $tool in
    strip*) ok "$tool" $tool stripped ;;
    *) continue ;;
  esac
  ok "$tool keeps the sites" has_site stripped used unused main
done
cc -O2 -c $all part.c main.c
ok "ld -r" ld -r part.o main.o -o joined.o
ok "a program of ld -r" "$CC" joined.o -o program
ok "has all sites" has_site program used unused main
ok "ar" ar rcs libpart.a part.o
ok "a program with an archive" cc -O2 $all main.c libpart.a -o program
ok "has all of them, too" has_site program used unused main

# A source name with everything in it.
odd='a "b\c%s é.c'
cp part.c "$odd"
ok "an odd file name compiles" cc -O2 $all "$odd" main.c -o program
ok "and is on record" sh -c "grep -qF '$odd' program"
ok "with sound records" has_site program used main
# The same program comes out of any build directory.
in_directory()
{
  mkdir -p "$1" && cp part.c main.c "$1" && cd "$1" &&
    cc -O2 -g -ffile-prefix-map="$PWD"=/src $all "$PWD/part.c" "$PWD/main.c" \
      -o program && cd ..
}
ok "a build in one directory" in_directory here
ok "a build in another" in_directory there
ok "makes the same program" cmp here/program there/program
ok "which names no build directory" sh -c '! grep -q here/part.c here/program'
ok "but the mapped one" \
  [ "$(site used here/program | field at)" = /src/part.c:1 ]

# One definition for all files: a C99 inline function has one site, in the file
# that makes its code, and no other file has a copy in its callers.
printf '%s\n' '#include <hotpatch.h>' \
  'HP_PATCHABLE inline int f(int x) { return x + 1; }' >inline.h
printf '%s\n' '#include "inline.h"' 'int one(int x) { return f(x); }' >user.c
printf '%s\n' '#include "inline.h"' 'extern inline int f(int x);' \
  'int one(int);' 'int main(void) { return one(1) - f(1); }' >owner.c
c99_inline()
{
  cc -O3 -std=c11 user.c owner.c -o program && ./program &&
    [ "$(sites program | grep -c .)" = 1 ] && has_site program f &&
    objdump -d --disassemble=one program | grep -q '\(call\|jmp\) .*<f>'
}
ok "a C99 inline function" c99_inline
precompiled()
{
  echo 'static inline int small(int x) { return x; }' >>inline.h
  cc -O2 $all -x c-header inline.h -o inline.h.gch &&
    cc -O2 $all -Winvalid-pch -Werror -c owner.c -o owner.o &&
    cc -O2 $all -Winvalid-pch -Werror -c user.c -o user.o &&
    cc owner.o user.o -o program && has_site program f one main
}
ok "a precompiled header" precompiled
assembler()
{
  printf '%s\n' '#include <hotpatch.h>' '.globl x' 'x: ret' |
    sed 1d >assembler.S && cc $all -c assembler.S && nm assembler.o | grep -q x
}
ok "an assembler file" assembler
done_testing
