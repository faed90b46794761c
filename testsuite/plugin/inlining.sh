#!/bin/sh
# Inlining allowed: what is inlined and what is not, and that every copy is on
# record.
#
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2086,SC2154 # lists of options; set in survival.sh
. "$HP_SRCDIR/testsuite/plugin/survival.sh"
inline=-fplugin-arg-hotpatch-inline

# copies FILE: the section's strings, one line each.
copies()
{
  objcopy -O binary --only-section=.hotpatch.copies --set-section-flags \
    .hotpatch.copies=alloc "$1" copies.bin && tr '\0' '\n' <copies.bin
}

# records TEXT FILE: a line of the section, exactly.
records()
{
  copies "$2" >copies.txt
  grep -qxF -e "$1" copies.txt || {
    cat copies.txt
    return 1
  }
}

# lists COPIED CONTAINER FILE: copies of the one are in the other.
lists()
{
  copies "$3" | awk -v copied="$1" -v container="$2" '
    $1 == "copied" { found = $2 == copied }
    $1 == "in" && found && $2 == container { good = 1 }
    END { exit !good }'
}

cat >header.h <<'EOT'
static inline int small(int x) { return x + 1; }
inline __attribute__((always_inline)) int always(int x) { return x * 3; }
EOT
cat >a.c <<'EOT'
#include "header.h"
static inline int middle(int x) { return small(x) * small(x + 2); }
int serve(int x) { return middle(x) + middle(x + 3) + small(x); }
__attribute__((hotpatch)) int chosen(int x) { return small(x); }
int calls_chosen(int x) { return chosen(x) + always(x); }
__attribute__((noinline)) int apart(int x) { return x - 1; }
int calls_apart(int x) { return apart(x); }
int main(int argc, char **argv) { return argv ? serve(argc) : calls_apart(1); }
EOT
for options in -O2 "-O2 -g" "-O3 -fno-early-inlining" "-Os -fPIE -pie"; do
  ok "$options: it compiles" cc $options a.c -o linked $all $inline
  ok "$options: a function of a header is listed" \
    lists small serve linked
  ok "$options: a copy in a copy is listed" lists middle serve linked
  ok "$options: a function that is always inlined is listed" \
    lists always calls_chosen linked
  ok "$options: a function chosen by attribute is not inlined" \
    not lists chosen calls_chosen linked
  ok "$options: copies in a function chosen by attribute are listed" \
    lists small chosen linked
  ok "$options: every function that remains has a site" \
    has_site linked serve chosen calls_chosen apart calls_apart main
  ok "$options: a function without copies is not marked" sh -c \
    ". '$HP_SRCDIR/testsuite/plugin/sites.sh'; cd '$PWD'
    ! site apart linked | field flags | grep -q copied"
done
cc -O2 a.c -o a $all $inline
ok "places are counted" records "in serve a.c:3 5" a
ok "the source of a copy is named" records "copied small header.h:1" a
ok "the unit is named" records "unit a.c" a
ok "a function with copies is marked" sh -c \
  ". '$HP_SRCDIR/testsuite/plugin/sites.sh'; cd '$PWD'
  site serve a | field flags | grep -q copied"
cc -O2 a.c -o plain $all
ok "without the option there is no list" not records "unit a.c" plain
ok "without the option, small functions have sites" has_site plain small middle

# What is not loaded survives, too.
cp a stripped
ok "strip keeps the list" sh -c 'strip stripped &&
  readelf -SW stripped | grep -q hotpatch.copies'
ok "strip keeps the mark" sh -c \
  ". '$HP_SRCDIR/testsuite/plugin/sites.sh'; cd '$PWD'
  site serve stripped | field flags | grep -q copied"
ok "a debug file is made" objcopy --only-keep-debug a a.debug
ok "a debug file keeps the list" records "in serve a.c:3 5" a.debug

# The linker keeps the record of any one unit, and this one has no copy.
cat >one.cc <<'EOT'
struct shared { int f(int x) { return x * 7; } };
int (shared::*pointer)(int) = &shared::f;
EOT
cat >two.cc <<'EOT'
struct shared { int f(int x) { return x * 7; } };
int two(int x) { shared s; return s.f(x); }
int main() { return two(0); }
EOT
ok "an inline function in two units" cxx -O2 one.cc two.cc -o shared $all $inline
ok "an inline function of a header is marked, whichever unit it is from" sh -c \
  ". '$HP_SRCDIR/testsuite/plugin/sites.sh'; cd '$PWD'
  site _ZN6shared1fEi shared | field flags | grep -q copied"
ok "its copies in another unit are listed" lists _ZN6shared1fEi _Z3twoi shared

# A patch reaches a copy by the functions that contain it.
cat >holder.c <<'EOT'
#include "raw_patch.h"
volatile int sink;
static int f(int x) { return x + sink; }
int holder(int x) { return f(x) * 2; }
int (*volatile use)(int) = f;
static __attribute__((noipa)) int other(int x) { return x + 40; }
static __attribute__((noipa)) int other_holder(int x) { return other(x) * 2; }
int (*volatile call)(int) = holder;
int main(int argc, char **argv)
{
  raw_patch((void *)f, (void *)other);
  if (argc > 1)
    raw_patch((void *)holder, (void *)other_holder);
  return call(1) != (argc > 1 ? 82 : 2) || (argv && use(1) != 41);
}
EOT
ok "a copy is not replaced with its function" cc -w -O2 holder.c -o holder $inline \
  -fplugin-arg-hotpatch-match=f -fplugin-arg-hotpatch-match=holder
ok "a copy stays in its holder" ./holder
ok "a copy is replaced with its holder" ./holder too
ok "the holder is listed" lists f holder holder

for file in a.c two.cc; do
  ok "$file: -flto is refused, with a way out" says \
    "leave out one of the two" cxx -O2 -flto -c "$file" -o o.o $all $inline
done
cc -O2 -flto -c a.c -o o.o $all
ok "-flto is refused when linking, too" says "leave out one of the two" \
  cc -O2 -flto o.o -o o $all $inline
cc -O2 -c a.c -o o.o $all $inline
ok "what was compiled without -flto can be linked with it" \
  $CC -O2 -flto o.o -o linked
ok "its copies are listed" lists small serve linked
ok "a value is refused" says "takes no value" cc -c a.c -o o.o $inline=yes
done_testing
