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

done_testing
