# Builds a shared object with replacements and a program which unloads it, and
# runs them together; then without one precaution, which has to be seen.
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"

built=$HP_BUILDDIR/runtime/.libs

cat >object.c <<'EOF2'
#include <hotpatch.h>
#include <time.h>
int state;
int replacement(int x) { return x * 500; }
int waiting(int x)
{
  const struct timespec millisecond = {0, 1000000};
  __atomic_store_n(&state, 1, __ATOMIC_RELEASE);
  while (__atomic_load_n(&state, __ATOMIC_ACQUIRE) != 2)
    nanosleep(&millisecond, 0);
  return x * 500;
}
void hook(const hp_patch_info* patch) { (void)patch; }
hp_status release(const void* code)
{
  const hp_status status = hp_release(code, 0);
  __asm__ volatile("" ::: "memory");
  return status;
}
EOF2
cc -O2 -fPIC -shared object.c -o object.so || exit 99
program="$HP_SRCDIR/testsuite/api/release.c"
cc -O2 "-I$HP_SRCDIR" "$program" "-L$built" -lhotpatch "-Wl,-rpath,$built" \
  -lpthread -o release || exit 99
begin_with ./release "$workdir"

# control CASE SED-SCRIPT: CASE passes with the archive, and fails, by a crash
# or by its own judgement, when the edited source takes the place of the
# archive's.
control()
{
  source=$HP_SRCDIR/runtime/image_release.cc
  sed "$2" "$source" >edited.cc && ! cmp "$source" edited.cc >/dev/null &&
    $CXX -std=c++20 -O2 -fno-exceptions -fno-rtti "-I$HP_SRCDIR" \
      "-I$HP_SRCDIR/runtime/include" -c edited.cc || return
  archive="$built/libhotpatch.a -lelf -lz -liberty -lpthread"
  cc -O2 -rdynamic "-I$HP_SRCDIR" "$program" $archive -o true &&
    cc -O2 -rdynamic "-I$HP_SRCDIR" "$program" edited.o $archive -o edited ||
    return
  ./true "$workdir" "$1" || return
  if timeout 60 ./edited "$workdir" "$1"; then
    echo "without it the test passes as well"
    return 1
  fi
}
ok "a search that leaves pads out misses a thread on its way" \
  control pad 's/state.cell != 0/false/'
done_testing
