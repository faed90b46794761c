#!/bin/sh
# The report for people, and the switches of warnings.
#
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2086,SC2154 # lists of options; set in sites.sh
. "$HP_SRCDIR/testsuite/plugin/sites.sh"
report=-fplugin-arg-hotpatch-report=report.txt
warn=-fplugin-arg-hotpatch-warn

cat >a.c <<'EOT'
static inline int small(int x) { return x + 1; }
static inline int middle(int x) { return small(x) * small(x + 2); }
int serve(int x) { return middle(x) + middle(x + 3) + small(x); }
__attribute__((hotpatch)) int chosen(int x) { return small(x); }
__attribute__((no_hotpatch)) int kept_out(int x) { return x; }
__attribute__((always_inline)) static inline int always(int x) { return -x; }
int uses(int x) { return always(x); }
int conn_open(int x) { return x; }
EOT

# reports LINE: exactly.
reports()
{
  grep -qxF -e "$1" report.txt || {
    cat report.txt
    return 1
  }
}
for options in -O2 '-O2 -g' '-O3 -fno-early-inlining'; do
  rm -f report.txt
  ok "$options: a report" cc $options -c a.c -o a.o $report \
    -fplugin-arg-hotpatch-match='conn_*'
  ok "$options: chosen by attribute" reports \
    "a.c:4: chosen: chosen by its attribute"
  ok "$options: chosen by pattern" reports \
    "a.c:8: conn_open: chosen by a pattern"
  ok "$options: kept out" reports \
    "a.c:5: kept_out: not chosen: it has the attribute no_hotpatch"
  ok "$options: copies of copies" reports \
    "a.c:1: small: not chosen: no attribute or option names it; inlined into \
a.c:serve, 5 places, cannot be patched there; inlined into a.c:chosen, 1 \
place, cannot be patched there; no code of its own"
  ok "$options: one line for each function" sh -c \
    '[ "$(wc -l <report.txt)" = 8 ]'
done
rm -f report.txt
ok "-all" cc -O2 -c a.c -o a.o $report $all
ok "a chosen function is not inlined" reports "a.c:1: small: chosen by -all"
ok "a refused one is, and says why" reports \
  "a.c:6: always: chosen by -all, but can have no site: it is always_inline, \
so its callers contain copies of its body; inlined into a.c:uses, 1 place, \
cannot be patched there; no code of its own"

rm -f report.txt
ok "a wildcard" cc -O2 -c a.c -o a.o $report -fplugin-arg-hotpatch-match='a*'
ok "what it cannot choose is listed, too" reports \
  "a.c:6: always: chosen by a pattern, but can have no site: it is always_inline, \
so its callers contain copies of its body; inlined into a.c:uses, 1 place, \
cannot be patched there; no code of its own"
rm -f report.txt
ok "-all, once more" cc -O2 -c a.c -o a.o $report $all

echo 'namespace n { struct s { int f(int); }; int s::f(int x) { return x; } }' \
  >b.cc
ok "another file" cxx -O2 -c b.cc -o b.o $report $all
ok "is appended" reports "b.cc:1: int n::s::f(int): chosen by -all"
ok "to the first" reports "a.c:1: small: chosen by -all"

# Where it was built is private.
for options in -O2 '-O2 -flto'; do
  rm -f report.txt
  ok "$options: -ffile-prefix-map" cc $options -ffile-prefix-map="$PWD=/src" \
    -c "$PWD/a.c" -o a.o $report
  ok "$options: holds for functions" reports \
    "/src/a.c:4: chosen: chosen by its attribute"
  ok "$options: and for callers" grep -qF \
    "inlined into /src/a.c:serve, 5 places" report.txt
  ok "$options: everywhere" not grep -qF "$PWD" report.txt
done

# With -flto the link-time compiler adds the copies that it makes.
echo 'int served(int x) { return x * 2; }' >l.c
echo 'int served(int); int main(void) { return served(0) + served(0); }' >m.c
rm -f report.txt
ok "-flto" cc -O2 -flto l.c m.c -o l $report
ok "copies made when linking" reports \
  "l.c:1: served: when linking; inlined into m.c:main, 2 places, cannot be \
patched there; no code of its own"
ok "a report that cannot be written is an error" says \
  "cannot write the report 'no/where'" cc -c a.c -o a.o \
  -fplugin-arg-hotpatch-report=no/where
fails()
{
  ! "$@" >/dev/null 2>&1
}
ok "and fails" fails cc -c a.c -o a.o -fplugin-arg-hotpatch-report=no/where

# Warnings.
echo 'static inline __attribute__((always_inline)) int f(int x) { return x; }
int g(int x) { return f(x); }' >refused.c
echo '__attribute__((const)) int f(int x) { return x; }' >limits.c
f=-fplugin-arg-hotpatch-match=f
for each in refused limits; do
  ok "$each: a warning" says "[-fplugin-arg-hotpatch-warn-$each]" \
    cc -c $each.c -o o.o $f
  ok "$each: an error with -Werror" fails cc -c $each.c -o o.o $f -Werror
  ok "$each: switched off" cc -c $each.c -o o.o $f -Werror $warn-$each=no
done
nothing=-fplugin-arg-hotpatch-match=nothing
ok "unmatched: nothing unless asked for" cc -c l.c -o o.o $nothing -Werror
ok "unmatched: a warning" says "no function matches 'nothing'" \
  cc -c l.c -o o.o $nothing $warn-unmatched
ok "unmatched: an error with -Werror" fails cc -c l.c -o o.o $nothing \
  $warn-unmatched -Werror
ok "unmatched: not where it matches" cc -c l.c -o o.o -Werror \
  -fplugin-arg-hotpatch-match=served $warn-unmatched
ok "a value that is none" says "takes 'yes' or 'no'" cc -c l.c -o o.o \
  $warn-limits=maybe
done_testing
