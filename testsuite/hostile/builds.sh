# Every level in programs that are built or run in other ways: static, bound
# early or late, setuid, under sanitizers, Valgrind and a debugger.
#
# SPDX-License-Identifier: MIT
. "${HP_SRCDIR:?run the tests with make check}/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/lib/controls.sh"

built=$HP_BUILDDIR/runtime/.libs
source=$HP_SRCDIR/testsuite/hostile/everywhere.c
shared="-L$built -lhotpatch -Wl,-rpath,$built -lpthread"
static="$built/libhotpatch.a -lelf -liberty -lz -lpthread"

# build OUTPUT FLAGS...
build()
{
  build_output=$1
  shift
  cc -O1 -g "-I$HP_SRCDIR" "$source" -o "$build_output" "$@"
}

# runs PROGRAM...: exit status 77 is shown as a failure with that number.
runs()
{
  timeout 300 "$@"
}

if [ -f "$built/libhotpatch.a" ] && build probe -static $static 2>/dev/null; then
  # gcc -static leaves out the table by which functions' ends are found.
  ok "links statically, with a table of functions" \
    build static -static -Wl,--eh-frame-hdr $static
  ok "static: every level" runs ./static
  ok "links as static PIE" build static-pie -static-pie $static
  ok "static PIE: every level" runs ./static-pie
  # Without it more than the function counts, and the message says so.
  ./probe >out
  ok "static, without the table: works, or says what is missing" \
    sh -c '[ "$1" = 0 ] || grep -q -- --eh-frame-hdr out' sh "$?"
else
  skip "static programs" "there are no static libraries"
fi

ok "links dynamically" build dynamic $shared
ok "dynamic: every level" runs ./dynamic
ok "bound when it is loaded" runs env LD_BIND_NOW=1 ./dynamic
ok "links for late binding" build lazy $shared -Wl,-z,lazy
ok "bound when it is called" runs ./lazy
ok "links with full RELRO" build relro $shared -Wl,-z,relro,-z,now
ok "full RELRO" runs ./relro
ok "with endbr64" build endbr $shared -fcf-protection
ok "with endbr64: every level" runs ./endbr

if [ "$(id -u)" -eq 0 ] && build setuid $static 2>/dev/null; then
  chown 65534 setuid && chmod 4755 setuid
  ./setuid setuid >out 2>&1
  status=$?
  if [ "$status" -eq 77 ]; then
    skip "setuid" "this file system does not let programs change their user"
  else
    ok "setuid: every level" sh -c 'cat out; exit "$1"' sh "$status"
  fi
else
  skip "setuid" "needs root and a static library"
fi

for sanitizer in address thread undefined; do
  if echo 'int main(void) { return 0; }' |
    $CC -fsanitize=$sanitizer -xc - -o probe 2>/dev/null && ./probe; then
    ok "compiles with -fsanitize=$sanitizer" build sanitized $shared \
      -fsanitize=$sanitizer
    ok "-fsanitize=$sanitizer: every level" runs ./sanitized
  else
    skip "-fsanitize=$sanitizer" "its library is not installed"
  fi
done

if command -v valgrind >/dev/null; then
  ok "Valgrind: every level, and no complaint" \
    runs valgrind -q --error-exitcode=9 ./dynamic
  # Callers meet breakpoints then.
  ok "Valgrind: through /proc/self/mem, too" \
    runs valgrind -q --error-exitcode=9 ./dynamic no-window
  untold_program()
  {
    build_control_library && control_program hostile/everywhere.c untold
  }
  ok "control: a library that need not tell Valgrind links" untold_program
  stale()
  {
    without tell_valgrind timeout 300 valgrind -q "$@" >out
    cat out
    grep -q '^immediate: ' out
  }
  ok "control: and Valgrind runs what was there before" stale ./untold
  ok "control: also through /proc/self/mem" stale ./untold no-window
else
  skip "Valgrind" "it is not installed"
fi

if command -v gdb >/dev/null; then
  # What gdb does with the signal is its user's affair, see hotpatch(7).
  gdb -q -batch -ex 'handle SIG64 nostop noprint pass' -ex run \
    --args ./dynamic >out 2>&1
  ok "gdb: every level" \
    sh -c 'cat out; grep -q "exited normally" out' sh
else
  skip "gdb" "it is not installed"
fi

done_testing
