#!/bin/sh
# The examples, built against the build tree.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/examples/build.sh"
examples=$HP_SRCDIR/examples
export LIBRARY="$HP_BUILDDIR/runtime/.libs"
export PKG_CONFIG_PATH="$HP_BUILDDIR/runtime"

ok "hello builds" build_example "$examples/hello"
ok "hello's worker says what it should" \
  prints "$examples/hello/expected" hello/hello

ok "shapes builds" build_example "$examples/shapes"
ok "shapes draws what it should" \
  prints "$examples/shapes/expected" shapes/shapes

ok "mended builds" build_example "$examples/mended"
# What README says it prints, but for the folder.
sed -n '/^prints$/,/^What/s/^    //p' "$examples/mended/README" >answers
mended()
{
  (cd mended && ./server <requests) | sed 's,: /.*/fix.so:,: .../fix.so:,' |
    diff answers -
}
ok "mended answers what it should" mended

ok "offered builds" build_example "$examples/offered"
# says LINE: the service says it from now on.
says()
{
  lines=$(wc -l <said)
  tries=0
  until tail -n +$((lines + 2)) said | grep -qxF "$1"; do
    tries=$((tries + 1))
    [ $tries -lt 200 ] || {
      tail -n 3 said
      return 1
    }
    sleep 0.05
  done
}
mkdir -m 700 run
XDG_RUNTIME_DIR=$workdir/run offered/service >said &
service=$!
trap 'kill -9 $service; rm -rf "$workdir"' EXIT
until [ -s said ] || ! kill -0 "$service"; do
  sleep 0.01
done
ok "offered has its fault" says "left: -20"
through_its_socket()
{
  "$HP_BUILDDIR/tools/hp-apply" -v $service offered/fix.so >output 2>&1 ||
    return
  grep "through its control socket" output && says "refused: there is not as much"
}
ok "offered is patched through its socket" through_its_socket
ok "offered is reverted" "$HP_BUILDDIR/tools/hp-revert" $service overdraft
ok "offered has its fault again" says "left: -20"

done_testing
