# Takes what puts text back out of the library, one after the other, and sees
# the test that lets every step fail notice.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/lib/controls.sh"

# control SOURCE SED-SCRIPT CASE
control()
{
  edited_program "$1" "$2" api/faults.c edited || return
  # One that hangs or crashes has said before what is wrong, or shows it so.
  timeout 60 ./edited >edited.log
  echo "ended with $?"
  grep "^not ok .*$3" edited.log
}
true_program()
{
  edited_program commit/commit.cc "" api/faults.c true && ./true
}
ok "the program is linked like the true one" true_program
ok "words that stay where a write has failed" \
  control commit/commit.cc 's/^      restore_words();/      ;/' \
  "quiescent, /proc/self/mem, write fails"
ok "pads that stay" \
  control commit/commit.cc 's/^    restore_pads(0);/    ;/' \
  "quiescent, /proc/self/mem, write fails"
ok "breakpoints that stay" \
  control commit/breakpoint.cc 's/^      go_back();/      ;/' \
  "strict, /proc/self/mem, write fails"
ok "windows that stay open" \
  control text/text_writer.cc 's/attempt < 2/attempt < 1/' \
  "immediate, rwx window, mprotect fails"
done_testing
