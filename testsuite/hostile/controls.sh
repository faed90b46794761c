# Takes one countermeasure after the other out of the library and sees the test
# that guards it fail: a test that cannot fail proves nothing.
#
# SPDX-License-Identifier: MIT
. "${HP_SRCDIR:?run the tests with make check}/testsuite/lib/common.sh"

objects=$HP_BUILDDIR/testsuite/hostile
library=$HP_BUILDDIR/runtime/.libs/libhotpatch.a

# control SOURCE PROGRAM NAME SED-SCRIPT: the test NAME of PROGRAM passes, and
# fails when it is linked with the edited source instead of the true one.
control()
{
  sed "$4" "$HP_SRCDIR/runtime/$1.cc" >edited.cc || return
  if cmp -s edited.cc "$HP_SRCDIR/runtime/$1.cc"; then
    echo "the edit changes nothing: $4"
    return 1
  fi
  # shellcheck disable=SC2086 # CC and CXX may hold options
  $CXX -std=c++20 -O2 -fno-exceptions -fno-rtti -I"$HP_SRCDIR" \
    -I"$HP_SRCDIR/runtime/include" -c edited.cc &&
    $CC -o edited "$objects/$2-$2.o" edited.o "$library" -lelf -liberty -lz \
      -lpthread || return
  timeout 120 "$objects/$2" >true.log
  timeout 120 ./edited >edited.log
  grep "^ok .* - $3" true.log && grep "^not ok .* - $3" edited.log
}

[ -f "$objects/traps-traps.o" ] && [ -f "$library" ] ||
  skip_all "there are no static libraries"

ok "without watching the signal a handler in the middle gets our traps" \
  control commit/breakpoint trap_meanwhile "a handler installed in the middle" \
  's/if (regain_trap_signal())/if (false)/'

ok "without noticing circles a trap never ends" \
  control commit/trap_handler traps "a trap never goes around in a circle" \
  's/frame < handed.frame/false/'

ok "without noticing who calls, a trap does not reach the first handler" \
  control commit/trap_handler traps "and may hand on to ours" \
  's/from_kernel ? newest : before_us/newest/'

ok "without looking at the word a foreign int3 is met for ever" \
  control commit/trap_detour trap_meanwhile "somebody else's int3 is not ours" \
  's/breakpoint ? place_of([*]point)/false ? 0/'

ok "without signals nobody notices that membarrier is refused" \
  control text/barrier prohibitions "a filter forbids membarrier" \
  's/(serialise_threads(.*) == HP_OK)/(true)/'

ok "without a look behind, another writer goes unnoticed" \
  control commit/commit overwritten "immediate, rwx window, near:" \
  's/if (found != each.new_word)/if (false)/'

ok "without going back, the others stay new" \
  control commit/commit overwritten "immediate, rwx window, near:" \
  's/^      restore_words();/      ;/'

ok "without going back by breakpoints, too" \
  control commit/commit overwritten "strict, rwx window, near:" \
  's/^      restore_by_breakpoints();/      ;/'

ok "without putting cells back, far calls go where they should not" \
  control commit/commit overwritten "immediate, rwx window, far to near:" \
  's/if (others_write && .*/if (false)/'

done_testing
