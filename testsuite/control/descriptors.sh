#!/bin/sh
# The descriptors of a control socket, in a program that closes what it does not
# know and uses the numbers itself.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/lib/controls.sh"

built=$HP_BUILDDIR/runtime/.libs
XDG_RUNTIME_DIR=$workdir/run
export XDG_RUNTIME_DIR
mkdir -m 700 "$XDG_RUNTIME_DIR"

cc -O2 "-I$HP_SRCDIR" "$HP_SRCDIR/testsuite/control/descriptors.c" \
  "-L$built" -lhotpatch "-Wl,-rpath,$built" -lpthread -o descriptors || exit 99
begin_with ./descriptors

build()
{
  build_controls && control_program control/descriptors.c descriptors_controls &&
    ./descriptors_controls
}
ok "the program is compiled with countermeasures that can be left out" build
for name in close_range dup2 "one by one, and" eventfds "stop signal" workers
do
  ok "control: $name" \
    without descriptor_is_ours fails ./descriptors_controls "$name"
done
done_testing
