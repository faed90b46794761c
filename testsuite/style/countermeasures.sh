#!/bin/sh
# Countermeasures can be left out in test builds only, and each of them is left
# out by a test (runtime/base/countermeasure.h).
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"

# has_variable FILE...: one of them asks for HP_WITHOUT.
has_variable()
{
  grep -l HP_WITHOUT "$@"
}
ok "no installed program or library leaves out a countermeasure" not has_variable \
  "$HP_BUILDDIR/runtime/.libs/libhotpatch.so" \
  "$HP_BUILDDIR/runtime/.libs/libhotpatch.a" \
  "$HP_BUILDDIR"/tools/hp-list "$HP_BUILDDIR"/tools/hp-apply \
  "$HP_BUILDDIR"/tools/hp-revert "$HP_BUILDDIR"/tools/hp-status \
  "$HP_BUILDDIR"/tools/hp-watch

cat >asks.cc <<'END'
#include "runtime/base/countermeasure.h"
int main() { return HP_COUNTERMEASURE(second) ? 0 : 1; }
END
$CXX -std=c++20 "-I$HP_SRCDIR" asks.cc -o plain
$CXX -std=c++20 -DHP_TEST_COUNTERMEASURES "-I$HP_SRCDIR" asks.cc -o asks
ok "control: a program that leaves one out is seen" has_variable asks
ok "an ordinary build keeps it" env HP_WITHOUT=second ./plain
ok "a test build keeps it if the variable is not set" env -u HP_WITHOUT ./asks
for names in first seconds secon first,third "" "," "first,"; do
  ok "a test build keeps it if HP_WITHOUT is \"$names\"" \
    env "HP_WITHOUT=$names" ./asks
done
for names in second "first,second" "second,third" "first,second,third" ",second,"; do
  ok "a test build leaves it out if HP_WITHOUT is \"$names\"" \
    not env "HP_WITHOUT=$names" ./asks
done

# Names of countermeasures in the code.
countermeasures()
{
  (cd "$HP_SRCDIR" &&
    grep -rhoE 'HP_COUNTERMEASURE\([a-z_]+\)' --include='*.cc' --include='*.h' \
      --exclude=countermeasure.h runtime outside processes patching \
      unprepared tools) |
    sed 's/.*(\(.*\))/\1/' | sort
}
for name in $(countermeasures | uniq); do
  ok "a test leaves out $name" \
    grep -rqw -e "$name" --include='*.sh' --include='*.am' --include='*.c' \
    --include='*.cc' "$HP_SRCDIR/testsuite"
done
done_testing
