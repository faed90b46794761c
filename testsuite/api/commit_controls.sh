# Takes what keeps commits sound out of the library, one thing after the other,
# and sees the test that guards it fail.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/lib/controls.sh"

# with_all PROGRAM: it passes with the library whose countermeasures can be left
# out, when none is.
with_all()
{
  control_program "api/$1.c" "$1-control" && "./$1-control"
}
# without_it COUNTERMEASURE PROGRAM CASE [ARGUMENT]
without_it()
{
  # shellcheck disable=SC2086 # there may be no argument
  without "$1" timeout 100 "./$2-control" ${4-} >without.log
  echo "ended with $?"
  grep "^not ok .*$3" without.log
}

ok "the library with countermeasures that can be left out" build_control_library
ok "every fault: with all of them" with_all faults
ok "words that stay where a write has failed" \
  without_it put_back faults "quiescent, /proc/self/mem, write fails"
ok "pads that stay" \
  without_it put_pads_back faults "quiescent, /proc/self/mem, write fails"
ok "words that stay at the level strict" \
  without_it put_back faults "strict, /proc/self/mem, write fails"
ok "windows that stay open" \
  without_it close_twice faults "immediate, rwx window, mprotect fails"

ok "growing tables: with all of them" with_all many_faults
ok "a replacement that there is no memory for" \
  without_it refuse_without_memory many_faults "tables grow"

levels()
{
  # shellcheck disable=SC2086 # options
  cxx -std=c++20 -O2 -rdynamic "-I$HP_SRCDIR" "$HP_SRCDIR/testsuite/api/levels.cc" \
    $control_library -o levels-control
}
ok "levels: a program that watches them" levels
ok "several functions that change one after the other" \
  without_it one_moment levels "strict: who has met" many

ok "locks that are held: with all of them" with_all held_locks
ok "memory that is asked for while all stand" \
  without_it allocate_nothing held_locks "quiescent" 10
done_testing
