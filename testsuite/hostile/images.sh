# Runs images.c upon a shared object with a site and one with a replacement.
# SPDX-License-Identifier: MIT
. "${HP_SRCDIR:?run the tests with make check}/testsuite/lib/common.sh"

built=$HP_BUILDDIR/runtime/.libs
echo '__attribute__((hotpatch)) int twice(int x) { return 2 * x; }' >site.c
echo 'int thrice(int x) { return 3 * x; }' >replacement.c
cc -O1 -shared -fPIC site.c -o site.so &&
  cc -O1 -shared -fPIC replacement.c -o replacement.so &&
  cc -O1 "-I$HP_SRCDIR" "$HP_SRCDIR/testsuite/hostile/images.c" -o images \
    "-L$built" -lhotpatch "-Wl,-rpath,$built" -lpthread -ldl || exit 99
# Each object takes five mappings of the 65530 that vm.max_map_count allows.
./images ./site.so ./replacement.so "${IMAGES:-5000}"
