# Builds a shared object with replacements and a program which unloads it, and
# runs them together; then without one precaution, which has to be seen.
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/lib/controls.sh"

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

pad_control()
{
  build_control_library && control_program api/release.c controlled &&
    ./controlled "$workdir" pad &&
    without search_pads fails ./controlled "$workdir" pad
}
ok "a search that leaves pads out misses a thread on its way" pad_control
done_testing
