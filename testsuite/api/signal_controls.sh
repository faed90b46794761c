# The library that does not look at how the program uses signals takes one of
# the program's own: each case is seen to fail then.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/lib/controls.sh"

build()
{
  build_controls && control_program api/signal_use.c signal_use
}
ok "the program is compiled with countermeasures that can be left out" build
[ -e signal_use ] || done_testing

for name in "sigwaitinfo, blocked everywhere" "signalfd" "nobody waits" \
  "a timer" "begins later" "none is free"; do
  ok "control: $name" without signals_in_use fails ./signal_use "$name"
done
done_testing
