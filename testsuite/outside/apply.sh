#!/bin/sh
# hp-apply and hp-revert on a program that knows nothing of them: one thread,
# many threads, threads in system calls and in the middle of a computation.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/outside/start.sh"

ok "target and patches are compiled" build_all
[ -e fix.so ] || done_testing

loaded()
{
  grep -q 'fix2*[.]so' "/proc/$pid/maps"
}

# there_and_back ROUNDS
there_and_back()
{
  round=0
  while [ $round -lt "$1" ]; do
    "$hp_apply" "$pid" fix.so && says 110210 &&
      "$hp_revert" "$pid" fix && says 11012 || return
    round=$((round + 1))
  done
}

start alone
reports()
{
  "$hp_apply" --dry-run "$pid" fix.so >output || return
  cat output
  grep -q "^process $pid: fix can be applied, 2 functions" output &&
    grep -q 'replaces target.c:second: int (int)' output &&
    grep -q 'at .*target.c:[0-9]* in .*/target$' output &&
    grep -q 'by fixed_second, .*fix.c:[0-9]*$' output &&
    grep -q 'uses counter of .*/target$' output
}
ok "--dry-run says that it can be, what, where, and what is used" reports
ok "--dry-run changes nothing" says 11012
ok "--dry-run loads nothing" not loaded
ok "one thread: applied" "$hp_apply" "$pid" fix.so
ok "one thread: it does the new" says 110210
ok "applied again: it was so already" gives 0 already "$hp_apply" "$pid" fix.so
ok "a newer version replaces it" "$hp_apply" "$pid" fix2.so
ok "it does the newer" says 110320
ok "an older version does not" not "$hp_apply" "$pid" fix.so
ok "it still does the newer" says 110320
ok "reverted" "$hp_revert" "$pid" fix
ok "it does the old" says 11012
ok "the code is unloaded" not grep -q fix2.so "/proc/$pid/maps"
ok "ten times" there_and_back 10
# Several patches: each is all or nothing by itself.
cat >other.c <<'END'
#include <hotpatch.h>
HP_REPLACES("target.c:second") static int doubled(int x) { return 2 * x; }
END
sed 's/"target.c:second"/"target.c:third"/' other.c >missing.c
cc -O2 -fPIC -shared other.c -o other.so
cc -O2 -fPIC -shared missing.c -o missing.so
two_of_three()
{
  refuses 'fix is applied, 2 functions' "$pid" fix.so missing.so other.so &&
    grep -q 'target.c:third.*no patch site' output &&
    grep -q 'other is applied, 1 function;' output
}
ok "three patches, of which one does not fit" two_of_three
ok "it does what the two others say" says 110020
ok "two are reverted at once" "$hp_revert" "$pid" fix other
ok "it does the old" says 11012
ok "nothing was ever wrong" all_well
end

start 20
ok "many threads: ten times" there_and_back 10
ok "--level=immediate" "$hp_apply" --level=immediate "$pid" fix.so
ok "it does the new" says 110210
cc -O2 -fPIC -shared '-DLEVEL="safepoint"' "$here/fix.c" -o points.so
"$hp_revert" "$pid" fix >output
at_points()
{
  refuses 'safe points' "$pid" points.so &&
    says 11012 && "$hp_apply" --level=quiescent "$pid" points.so &&
    says 110210
}
ok "a level that only the program can give is refused, unless overruled" at_points
ok "hp-list sees it" \
  sh -c "'$hp_list' --pid $pid | grep -q 'first .*fixed_first'"
ok "registers, system calls, both functions: nothing was ever wrong" all_well
end

done_testing
