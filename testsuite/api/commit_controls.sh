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
true_program()
{
  edited_program commit/commit.cc "" "api/$1.c" true && ./true
}

ok "every fault: linked like the true one" true_program faults
ok "words that stay where a write has failed" \
  control commit/commit.cc 's/^      restore_words();/      ;/' \
  faults "quiescent, /proc/self/mem, write fails"
ok "pads that stay" \
  control commit/commit.cc 's/^    restore_pads(0);/    ;/' \
  faults "quiescent, /proc/self/mem, write fails"
ok "breakpoints that stay" \
  control commit/breakpoint.cc 's/^      go_back();/      ;/' \
  faults "strict, /proc/self/mem, write fails"
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
