#!/bin/sh
# A patch calls the functions that the resolvers of the program's ifuncs have
# chosen, also where the dynamic linker cannot resolve them for the patch:
# loaded by the program itself and by hp-apply.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/objects/objects.sh"
. "$HP_SRCDIR/testsuite/lib/controls.sh"
hp_apply=$HP_BUILDDIR/tools/hp-apply

cat >program.c <<'EOT'
#include "testsuite/objects/commands.h"
#include <dlfcn.h>
#include <unistd.h>
static int plain(int x) { return x + 1; }
static int (*choose(void))(int) { return plain; }
int chosen(int x) __attribute__((ifunc("choose")));
static int own(int x) __attribute__((ifunc("choose")));
static int (*choose_again(void))(int) { return plain; }
int only_in_data(int x) __attribute__((ifunc("choose_again")));
int (*in_data)(int) = only_in_data;
__attribute__((target_clones("avx2", "default"), noinline)) int cloned(int x)
{
  return x + 2;
}
HP_PATCHABLE int answer(int x) { return chosen(x) + own(x) + cloned(x); }
static void call(void) { printf("answer %d\n", answer(10)); }
int main(int argc, char** argv)
{
  if (getenv("LIBRARY") && !dlopen(getenv("LIBRARY"), RTLD_NOW | RTLD_LOCAL))
    return 1;
  if (argc > 1)
    return run_commands(argc, argv, call);
  for (;; usleep(20000)) {
    call();
    fflush(stdout);
  }
}
EOT
cat >fix.c <<'EOT'
#include <hotpatch.h>
int chosen(int);
int cloned(int);
int own(int) HP_IMPORT_UNCHECKED("program.c:own");
static int (*const table[])(int) = {chosen, cloned, own};
HP_REPLACES("answer") static int other(int x)
{
  int sum = 1000 + chosen(x) * 10000;
  for (unsigned i = 0; i < sizeof table / sizeof *table; ++i)
    sum += table[i](x);
  return sum;
}
EOT
cat >data.c <<'EOT'
#include <hotpatch.h>
int only_in_data(int);
HP_REPLACES("answer") static int other(int x) { return only_in_data(x); }
EOT
cat >lone.c <<'EOT'
#include <hotpatch.h>
int lone(int);
HP_REPLACES("answer") static int other(int x) { return lone(x) + 100; }
EOT
cat >library.c <<'EOT'
static int plain(int x) { return x + 5; }
static int (*choose(void))(int) { return plain; }
#ifdef USED
__attribute__((visibility("protected")))
#endif
int lone(int x) __attribute__((ifunc("choose")));
#ifdef USED
int user(int x) { return lone(x); }
#endif
EOT
patches()
{
  patch fix && patch data && patch lone &&
    gcc -shared -fPIC -O2 library.c -o unused.so &&
    gcc -shared -fPIC -O2 -DUSED library.c -o used.so
}
ok "patches and libraries are compiled" patches

# all_chosen: 1000 + 11 * 10000 + 11 + 12 + 11.
all_chosen()
{
  runs "answer 34
load: HP_OK
answer 111034
unload: HP_OK
answer 34" call load:fix.so call unload:fix call
}
applied()
{
  ./program >out &
  pid=$!
  until [ -s out ]; do
    sleep 0.01
  done
  "$hp_apply" "$pid" fix.so && until grep -q 'answer 111034' out; do
    kill -0 $pid || return
    sleep 0.01
  done
  applied_status=$?
  kill -9 $pid
  wait $pid 2>/dev/null
  return $applied_status
}
for options in -pie '-no-pie' '-pie -Wl,-z,lazy' '-pie -Wl,-z,now' -rdynamic; do
  # shellcheck disable=SC2086 # a list of options
  ok "a program with ifuncs: $options" program $options program.c
  ok "a patch calls what was chosen: $options" all_chosen
done
ok "a program that exports nothing" program program.c
ok "a patch that hp-apply applies calls it, too" applied

ok "an ifunc only in data, which may have changed, is refused" tells \
  "neither has the dynamic linker resolved it for the patch" load:data.so call
ok "and the function is not replaced" grep -qx 'answer 34' said
ok "with -rdynamic" program -rdynamic program.c
ok "the dynamic linker resolves it" runs "load: HP_OK
answer 11" load:data.so call

export LIBRARY=./unused.so
ok "an ifunc of a library that keeps no address of it is refused" tells \
  "neither has the dynamic linker resolved it for the patch" load:lone.so call
ok "and the function is not replaced, either" grep -qx 'answer 34' said
LIBRARY=./used.so
ok "one of a library that calls it itself is called" runs "load: HP_OK
answer 115" load:lone.so call
unset LIBRARY

cat >named.c <<'EOT'
#include <hotpatch.h>
int lone(int) HP_IMPORT_UNCHECKED("only_in_data");
HP_REPLACES("answer") static int other(int x) { return lone(x); }
EOT
ok "a patch that names it" patch named
ok "is refused before it is loaded" tells \
  "keeps no address of the function that was chosen" load:named.so

control_program_without()
{
  build_control_library && with_controls program program.c && all_chosen
}
ok "control: a program with the library for controls" control_program_without
ok "control: without the rule the resolver is called, or the program dies" \
  not without chosen_ifunc all_chosen
done_testing
