#!/bin/sh
# Replacing functions without a site from inside, in programs of gcc and of clang,
# with and without endbr64.
#
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2086 # CC may be several words
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/lib/controls.sh"
. "$HP_SRCDIR/testsuite/unprepared/analysis.sh"

built=$HP_BUILDDIR/runtime/.libs
LD_LIBRARY_PATH=$built:$LD_LIBRARY_PATH

# program OUTPUT COMPILER OPTION...
program()
{
  program_output=$1
  shift
  "$@" -Wall -Wextra "-I$HP_SRCDIR" "-I$HP_SRCDIR/runtime/include" \
    "$HP_SRCDIR/testsuite/unprepared/apply.c" -o "$program_output" \
    "-L$built" -lhotpatch -lpthread
}
# passes COMMAND...: a program that speaks TAP.
passes()
{
  "$@" >told || {
    cat told
    return 1
  }
  grep -q '^1\.\.' told
}

program plain $CC -O2 -fcf-protection=none || exit 99
begin_with ./plain 100
ok "with endbr64 everywhere: it is built" program cet $CC -O2 -fcf-protection=full
ok "it passes" passes ./cet 20
ok "not optimised: it is built" program slow $CC -O0
ok "it passes" passes ./slow 20
for compiler in clang clang-14; do
  if command -v $compiler >/dev/null; then
    ok "by $compiler: it is built" program clang $compiler -O2
    ok "it passes" passes ./clang 20
    break
  fi
done

# --- Without the library ------------------------------------------------------------

ok "without the library with the disassembler a function is HP_UNSUPPORTED" sh -c '
  LD_LIBRARY_PATH=$1 ./plain 1 >told
  grep -q "HP_UNSUPPORTED: functions without a site need" told' sh "$built"

# --- Controls -----------------------------------------------------------------------

ok "the library with countermeasures that can be left out" build_control_library
ok "a program with it is built" control_program unprepared/apply.c control \
  "-I$HP_SRCDIR/runtime/include"
ok "it passes with all of them" passes ./control 20
# fails_at COUNTERMEASURE CASE
fails_at()
{
  without "$1" timeout 100 ./control 3 >told
  grep "^not ok .*$2" told
}
ok "control: several instructions are overwritten while threads run" \
  fails_at several_only_standing "several instructions are not overwritten"
ok "control: the long jump stays in the pad" \
  fails_at clear_jumps "every byte is as it was, also in the pad"
done_testing
