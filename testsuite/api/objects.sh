# Builds shared objects and a program, and runs them together.
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/lib/controls.sh"

built=$HP_BUILDDIR/runtime/.libs
link="-L$built -lhotpatch -Wl,-rpath,$built -lpthread"

cat >object.c <<'EOF2'
#include <hotpatch.h>
HP_PATCHABLE int object_function(int x) { return x + 5; }
int object_replacement(int x) { return x * 500; }
EOF2
cat >constructor.c <<'EOF2'
#include <hotpatch.h>
static int seven_hundred(int x) { return x * 700; }
__attribute__((constructor)) static void apply(void)
{
  hp_apply("answer", seven_hundred);
}
EOF2

cat >patching.c <<'EOF2'
#include <hotpatch.h>
int patching(int x) { return x * 800; }
static const char* agree(const hp_patch_info* patch)
{
  return (void)patch, NULL;
}
__attribute__((constructor)) static void apply(void)
{
  hp_patch_info info = {0};
  hp_transaction* patch = hp_begin();
  info.name = "constructed";
  info.before_apply = info.before_revert = agree;
  hp_add_patch(patch, &info);
  hp_add_apply(patch, "answer", patching);
  if (hp_commit(patch, NULL) != HP_OK)
    hp_abort(patch);
}
EOF2

for name in object constructor patching; do
  cc -O2 -fPIC -shared $name.c $link -o $name.so || exit 99
done
cc -O2 "-I$HP_SRCDIR" "$HP_SRCDIR/testsuite/api/objects.c" $link -o objects ||
  exit 99
begin_with ./objects "$workdir"

# The objects must use the library of the program that loads them.
late_pins()
{
  for name in object patching; do
    cc -O2 -fPIC -shared $name.c -o $name.so || return
  done
  edited_program library/transaction.cc \
    's/^  patch_hooks hooks;/image_pins p; (void)pin_images(operations, p);&/' \
    api/objects.c edited && fails ./edited "$workdir" constructors
}
ok "pins taken after the turn wait for constructors for ever" late_pins
done_testing
