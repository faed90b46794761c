# Takes what keeps commits sound out of the library, one thing after the other,
# and sees the test that guards it fail.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/lib/controls.sh"

# control SOURCE SED-SCRIPT PROGRAM CASE [ARGUMENT]
control()
{
  edited_program "$1" "$2" "api/$3.c" edited || return
  # shellcheck disable=SC2086 # there may be no argument
  timeout 100 ./edited ${5-} >edited.log
  echo "ended with $?"
  grep "^not ok .*$4" edited.log
}
# without_it COUNTERMEASURE PROGRAM CASE
without_it()
{
  control_program "api/$2.c" "$2-control" || return
  without "$1" timeout 100 "./$2-control" >without.log
  echo "ended with $?"
  grep "^not ok .*$3" without.log
}
true_program()
{
  edited_program commit/commit.cc "" "api/$1.c" true && ./true
}

ok "every fault: linked like the true one" true_program faults
ok "the library with countermeasures that can be left out" build_control_library
ok "words that stay where a write has failed" \
  without_it put_back faults "quiescent, /proc/self/mem, write fails"
ok "pads that stay" \
  without_it put_pads_back faults "quiescent, /proc/self/mem, write fails"
ok "words that stay at the level strict" \
  without_it put_back faults "strict, /proc/self/mem, write fails"
ok "windows that stay open" \
  control text/text_writer.cc 's/attempt < 2/attempt < 1/' \
  faults "immediate, rwx window, mprotect fails"

ok "growing tables: linked like the true one" true_program many_faults
ok "a replacement that there is no memory for" \
  control patches/patch_plan.cc \
  's/^    return no_memory(where.site);/    return HP_OK;/' \
  many_faults "tables grow"

ok "locks that are held: linked like the true one" true_program held_locks
ok "memory that is asked for while all stand" \
  control commit/level.cc \
  's/^    serialise_core();/    asm volatile("" : : "r"(__builtin_malloc(9)));/' \
  held_locks "quiescent" 10
done_testing
