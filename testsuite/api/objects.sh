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
  build_control_library && control_program api/objects.c controlled &&
    without pins_before_turn fails ./controlled "$workdir" constructors
}
ok "pins taken after the turn wait for constructors for ever" late_pins

# Names in the order of the program's records, where an object has the second
# one, too.
echo '#include <hotpatch.h>
HP_PATCHABLE int second(int x) { return x; }' >second.c
cat >in_order.c <<'EOF2'
#include <hotpatch.h>
#include <dlfcn.h>
HP_PATCHABLE int first(int x) { return x + 1; }
HP_PATCHABLE int second(int x) { return x + 2; }
static int other(int x) { return x + 100; }
static hp_status both(void)
{
  hp_transaction* all = hp_begin();
  hp_add_apply(all, "first", other);
  hp_add_apply(all, "second", other);
  const hp_status status = hp_commit(all, NULL);
  if (status != HP_OK)
    hp_abort(all);
  return status;
}
int main(void)
{
  void* object = dlopen("./second.so", RTLD_NOW);
  if (object == NULL || both() != HP_AMBIGUOUS || first(0) != 1)
    return 1;
  dlclose(object);
  return both() == HP_OK && first(0) == 100 && second(0) == 100 ? 0 : 2;
}
EOF2
# shellcheck disable=SC2086 # a list of options
cc -O1 -fPIC -shared second.c -o second.so &&
  cc -O1 in_order.c -o in_order $link -ldl || exit 99
ok "names in order are ambiguous if another object has one" ./in_order
done_testing
