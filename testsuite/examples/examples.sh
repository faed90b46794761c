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
ok "mended answers what it should" answers ./server

ok "offered builds" build_example "$examples/offered"
begin_service offered/service
trap 'kill -9 $service; remove_workdir' EXIT
ok "offered has its fault" says "left: -20"
ok "offered is patched through its socket" patched_through_its_socket
ok "offered is reverted, and has its fault again" reverted

done_testing
