# Builds a program with a hundred thousand sites, and runs it.
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"

built=$HP_BUILDDIR/runtime/.libs
api=$HP_SRCDIR/testsuite/api
$CC -c -Wa,--defsym,COUNT=100000 "$api/whole_image.s" -o sites.o || exit 99
$CC -O2 "-I$HP_SRCDIR" "-I$HP_SRCDIR/runtime/include" "$api/whole_image.c" \
  sites.o -pthread "-L$built" -lhotpatch "-Wl,-rpath,$built" -o whole_image || exit 99
begin_with ./whole_image
done_testing
