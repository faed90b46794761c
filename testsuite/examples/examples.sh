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

done_testing
