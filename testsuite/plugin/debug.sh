#!/bin/sh
# Chosen functions keep what debuggers and profilers need, patched or not.
#
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2086,SC2154 # lists of options; set in survival.sh
. "$HP_SRCDIR/testsuite/plugin/survival.sh"

cat >program.c <<'EOT'
#include "raw_patch.h"
#include <stdio.h>
#include <execinfo.h>
static int entered, left;
__attribute__((no_instrument_function)) void __cyg_profile_func_enter(
    void *f, void *site) { ++entered; }
__attribute__((no_instrument_function)) void __cyg_profile_func_exit(
    void *f, void *site) { ++left; }
__attribute__((noipa)) int inner(int x) { return x + 1; }
__attribute__((hotpatch)) int f(int x)
{
  int y = x * 2;
  return inner(y) + 1;
}
__attribute__((noipa)) int other(int x)
{
  return inner(x + 40) - 1;
}
__attribute__((noipa)) int calls(int x) { return f(x) + 1; }
int main(int argc, char **argv)
{
  if (calls(1) != 5)
    return 2;
  if (argc > 1)
    raw_patch((void *)f, (void *)other);
  printf("%d\n", calls(2));
#ifdef INSTRUMENTED
  printf("entered %d left %d\n", entered, left);
#endif
  return 0;
}
EOT

cat >program.cc <<'EOT'
struct s {
  s(int x);
  virtual ~s();
  int m(int x);
  virtual int v(int x);
  int n;
};
[[gnu::hotpatch]] s::s(int x) : n(x) {}
s::~s() {}
[[gnu::hotpatch]] int s::m(int x) { return x + n; }
[[gnu::hotpatch]] int s::v(int x) { return m(x) + n; }
template <class T> [[gnu::hotpatch]] T inlined(T x) { return x + 1; }
int main()
{
  s one(1);
  s* volatile p = &one;
  return p->v(inlined(-3));
}
EOT

# gdb PROGRAM COMMAND...: what it says.
debug()
{
  debug_program=$1
  shift
  for debug_command; do
    set -- "$@" -ex "$debug_command"
    shift
  done
  gdb -nx -batch -ex 'set disable-randomization on' -ex 'set confirm off' "$@" \
    --args $debug_program 2>&1
}
# stops_outside_word PLACE: a breakpoint there is not in the patch word.
stops_outside_word()
{
  debug ./program "break $1" 'run' 'print/x $pc' >gdb.out
  stop=$(sed -n 's/^\$1 = //p' gdb.out)
  word=$(site f program | field word)
  echo "word $word, stop $stop"
  cat gdb.out
  [ -n "$stop" ] &&
    { [ $((stop)) -lt $((word)) ] || [ $((stop)) -ge $((word + 8)) ]; }
}
# member_stops_outside PLACE: the same in C++, for whatever site it is.
member_stops_outside()
{
  debug ./program "break $1" 'run' 'print/x $pc' >gdb.out
  stop=$(sed -n 's/^\$1 = //p' gdb.out)
  cat gdb.out
  sites program >sites.out
  [ -n "$stop" ] && while read -r line; do
    word=$(echo "$line" | field word)
    symbol=$(echo "$line" | field symbol) end=$(echo "$line" | field end)
    if [ $((stop)) -ge $((symbol)) ] && [ $((stop)) -lt $((end)) ]; then
      [ $((stop)) -lt $((word)) ] || [ $((stop)) -ge $((word + 8)) ]
      return
    fi
  done <sites.out
  return 1
}
# Where the body begins, as a place for gdb.
behind_word()
{
  echo "*(char *)f+$(($(site f program | field word) + 8 - \
    $(site f program | field symbol)))"
}
if ! command -v gdb >/dev/null; then
  skip "breakpoints" "gdb is not installed"
elif ! debug ./none 'print 6*7' | grep -q '^\$1 = 42'; then
  skip "breakpoints" "gdb does not work here"
else
  for options in '-O0 -g' '-O1 -g' '-O2 -g' '-O3 -g' '-Og -g' '-Os -g' \
    '-O2 -g -gdwarf-4' '-O2 -g -gno-statement-frontiers' '-O0' '-O2' \
    '-O0 -g -fcf-protection=full' '-O2 -g -fcf-protection=full' \
    '-O2 -g -falign-functions=64'; do
    ok "it compiles with $options" cc $options -no-pie program.c -o program
    ok "$options: a breakpoint after the word" stops_outside_word \
      "$(behind_word)"
    ok "$options: a breakpoint on the function is outside of it" \
      stops_outside_word f
    debug ./program 'break inner' 'run' 'bt' >bt.out
    ok "$options: a backtrace has the function" sh -c \
      'grep "^#0 .*inner" bt.out && grep "^#1 .*f *(" bt.out &&
       grep "^#2 .*calls *(" bt.out'
    debug './program patch' 'break other' 'run' 'bt' >bt.out
    ok "$options: one through a patched function has no hole" sh -c \
      'grep "^#0 .*other" bt.out && grep "^#1 .*calls *(" bt.out &&
       grep "^#2 .*main *(" bt.out'
  done
  for options in '-O0 -g' '-O1 -g' '-O2 -g' '-O3 -g' \
    '-O2 -g -fcf-protection=full'; do
    ok "C++: it compiles with $options" cxx -w $options -no-pie program.cc -o \
      program
    for place in s::m s::v 'inlined<int>' 's::s'; do
      ok "C++ $options: a breakpoint on $place" member_stops_outside "$place"
    done
  done
  for options in '-O1 -g' '-O2 -g' -O2; do
    ok "control: it compiles with $options" cc $options -no-pie \
      -fcf-protection=none $without=lead program.c -o program
    ok "control: there a breakpoint on the function is in the word" not \
      stops_outside_word f
  done
  # The breakpoint is there when the program is patched, and before and after.
  ok "it compiles for a breakpoint" cc -O2 -g program.c -o program
  debug './program patch' 'break f' 'run' 'continue' 'continue' 'continue' \
    >gdb.out
  ok "a program is patched under a breakpoint on the function" sh -c \
    'cat gdb.out; grep "^43$" gdb.out && grep -c "^Breakpoint 1," gdb.out |
     grep -x 2'
  debug './program patch' "break $(behind_word)" 'run' 'continue' >gdb.out
  ok "a program is patched while there is a breakpoint" grep -q '^43$' gdb.out
fi

# Counts and calls are made by the body, so those of a replaced body stop.
ok "gcov: it compiles" cc -O0 --coverage program.c -o program
ok "gcov: it runs" sh -c './program patch >/dev/null; ls ./*.gcda'
gcov_tool=$(echo "${CC%% *}" | sed 's/gcc/gcov/')
if command -v "$gcov_tool" >/dev/null; then
  "$gcov_tool" -f ./*.gcda >gcov.out 2>&1
  ok "gcov: counts" sh -c 'cat ./*.gcov; grep " 1: .*int y = x" ./*.gcov'
  ok "gcov: counts the replacement" sh -c \
    'grep " 1: .*inner(x + 40)" ./*.gcov'
else
  skip "gcov: counts" "$gcov_tool is not installed"
fi
for options in -O0 -O2; do
  ok "-finstrument-functions $options compiles" cc $options -DINSTRUMENTED \
    -finstrument-functions program.c -o program
  ok "entry and exit are in pairs" sh -c \
    './program | tee run.out | grep "^entered 7 left 6$" || { cat run.out; false; }'
  ok "also when it is patched" sh -c \
    './program patch | tee run.out | grep -E "^entered [78] left [67]$" ||
     { cat run.out; false; }'
done

# Unwind tables cover the word and the body, for perf and exceptions alike.
ok "unwind tables compile" cc -O2 program.c -o program
unwound()
{
  symbol=$(site f program | field symbol)
  readelf --debug-dump=frames program |
    grep -i "pc=0*${symbol#0x}\\.\\."
}
ok "the symbol begins an entry of .eh_frame" unwound
sized()
{
  end=$(($(site f program | field end)))
  symbol=$(($(site f program | field symbol)))
  [ "$(nm -S program | sed -n 's/^[0-9a-f]* 0*\([0-9a-f]*\) T f$/\1/p')" = \
    "$(printf %x $((end - symbol)))" ]
}
ok "the symbol has the size of the body, for perf" sized

# A profile has the time of each body under its own name, and who called it.
# (Some versions of perf take a symbol "f" for a mangled type, and print "float".)
cat >profiled.c <<'EOT'
#include "raw_patch.h"
#include <time.h>
volatile int sink;
#define SPIN for (clock_t end = clock() + CLOCKS_PER_SEC / 5; clock() < end;) \
  for (int i = 0; i < 100000; ++i) sink += i
__attribute__((hotpatch)) void body(void) { SPIN; }
__attribute__((noipa)) void other(void) { SPIN; }
__attribute__((noipa)) void calls(void) { body(); sink = 1; }
int main(void)
{
  calls();
  raw_patch((void *)body, (void *)other);
  calls();
  return 0;
}
EOT
# profile OPTION...: lines "function caller" of all samples in stacks.out.
profile()
{
  cc -fno-omit-frame-pointer "$@" profiled.c -o profiled &&
    perf record -q -g -e cpu-clock:u -o perf.data ./profiled &&
    perf script -i perf.data -F ip,sym >script.out 2>script.err || return
  awk 'NF == 0 { n = 0; next } { n++ } n == 1 { top = $2 }
    n == 2 { print top, $2 }' script.out | sort | uniq -c | tee stacks.out
}
if ! command -v perf >/dev/null; then
  skip "perf knows a patched function" "perf is not installed"
elif ! perf record -q -e cpu-clock:u -o perf.data true >perf.out 2>&1; then
  skip "perf knows a patched function" "perf may not measure here"
else
  for options in -O0 -O2 '-O2 -fcf-protection=full'; do
    ok "perf: a profile with $options" profile $options
    ok "perf: the original, and who called it" grep -q ' body calls$' stacks.out
    ok "perf: its replacement, called by the same" grep -q ' other calls$' \
      stacks.out
    ok "perf: nobody else called them" not grep -E \
      ' (body|other) (\[unknown\]|main|body|other)$' stacks.out
  done
fi
done_testing
