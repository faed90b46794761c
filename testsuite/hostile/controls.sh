# Takes one countermeasure after the other out of the library and sees the test
# that guards it fail: a test that cannot fail proves nothing.
#
# SPDX-License-Identifier: MIT
. "${HP_SRCDIR:?run the tests with make check}/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/lib/controls.sh"

objects=$HP_BUILDDIR/testsuite/hostile

# control COUNTERMEASURE PROGRAM NAME: the test NAME of PROGRAM passes, and fails
# without the countermeasure.
control()
{
  $CC -o "$2" "$objects/$2-$2.o" "$HP_BUILDDIR/runtime/libhotpatch_controls.a" \
    -lelf -liberty -lz -lpthread || return
  timeout 120 "./$2" >with.log
  without "$1" timeout 120 "./$2" >without.log
  grep "^ok .* - $3" with.log && grep "^not ok .* - $3" without.log
}

[ -f "$objects/overwritten-overwritten.o" ] ||
  skip_all "there are no static libraries"
ok "the library with countermeasures that can be left out" build_control_library

ok "without signals it goes unnoticed that membarrier is refused" \
  control reach_by_signal prohibitions "a filter forbids membarrier"

ok "without reading back, another writer goes unnoticed" \
  control read_back overwritten "immediate, rwx window, near:"

ok "without going back, the others stay new" \
  control put_back overwritten "immediate, rwx window, near:"

ok "at one moment, too" \
  control put_back overwritten "strict, rwx window, near:"

ok "without looking whose bytes they are, another writer's are lost" \
  control keep_foreign overwritten "immediate, rwx window, near:"

ok "without putting cells back, far calls go where they should not" \
  control cells_back overwritten "strict, rwx window, far to near:"

done_testing
