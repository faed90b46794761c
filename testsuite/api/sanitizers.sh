# Programs under the sanitizers and Valgrind, which see every access.
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"

built=$HP_BUILDDIR/runtime/.libs
link="-L$built -lhotpatch -Wl,-rpath,$built -lpthread"
source=$HP_SRCDIR/testsuite/api/behaviour.c

# Its own lines are counted where it runs by itself.
passes() { "$@" >out 2>&1 || { cat out; false; }; }

for sanitizer in address thread undefined; do
  if echo 'int main(void) { return 0; }' |
    $CC -fsanitize=$sanitizer -xc - -o probe 2>/dev/null && ./probe; then
    ok "compiles with -fsanitize=$sanitizer" cc -O1 -g \
      -fsanitize=$sanitizer "-I$HP_SRCDIR" "$source" $link -o program
    ok "and finds nothing" passes ./program
    for name in named hooks; do
      ok "compiles $name.c" cc -O1 -g -fsanitize=$sanitizer "-I$HP_SRCDIR" \
        "$HP_SRCDIR/testsuite/api/$name.c" $link -o program
      ok "and finds nothing" passes ./program
    done
  else
    skip "-fsanitize=$sanitizer" "its library is not installed"
  fi
done

if command -v valgrind >/dev/null; then
  ok "compiles for Valgrind" cc -O1 -g "-I$HP_SRCDIR" "$source" $link \
    -o program
  ok "which sees changed text, and finds nothing" passes \
    valgrind -q --error-exitcode=9 ./program
else
  skip "Valgrind" "it is not installed"
fi

done_testing
