# Locks and forks, see locks.c: with the library as it is, and with the one that
# checks the order of its locks.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/lib/controls.sh"

mkdir sockets
built=$HP_BUILDDIR/runtime/.libs
cc -O2 "-I$HP_SRCDIR" "$HP_SRCDIR/testsuite/api/locks.c" "-L$built" -lhotpatch \
  "-Wl,-rpath,$built" -lpthread -o locks || exit 99
begin_with ./locks "$workdir/sockets"

checked()
{
  build_control_library && control_program api/locks.c checked &&
    ./checked "$workdir/sockets"
}
ok "no thread takes a lock out of order" checked
# The threads wait for each other for ever, unless the check notices it first.
in_any_order()
{
  without fork_in_order timeout 20 ./checked "$workdir/sockets" 2>messages
  ended=$?
  echo "ended with $ended"
  cat messages
  [ $ended = 124 ] || grep 'lock order: a thread takes' messages
}
ok "control: a fork that takes the innermost lock first is seen" in_any_order
done_testing
