#!/bin/sh
# The symbols of a stripped program are found in its separate debug file: by a
# program that loads a patch itself, by hp-apply and by hp-list.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/objects/objects.sh"
. "$HP_SRCDIR/testsuite/lib/controls.sh"
hp_apply=$HP_BUILDDIR/tools/hp-apply
hp_list=$HP_BUILDDIR/tools/hp-list

cat >program.c <<'EOT'
#include "testsuite/objects/commands.h"
#include <unistd.h>
static int limit = 10;
int* volatile limit_at = &limit;
static __attribute__((noinline)) int helper(int x) { return x + limit; }
HP_PATCHABLE int answer(void) { return helper(1); }
static void call(void) { printf("answer %d\n", answer()); }
int main(int argc, char** argv)
{
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
extern int limit HP_IMPORT("program.c:limit");
HP_REPLACES("answer") static int other(void) { return limit + 100; }
EOT
build_all()
{
  program program.c && cp program whole && patch fix &&
    objcopy --only-keep-debug whole whole.debug
}
ok "program and patch are compiled" build_all

HOTPATCH_DEBUG_PATH=$workdir/nowhere
export HOTPATCH_DEBUG_PATH

# stripped [FILE]: ./program without symbols, with a link to FILE.
stripped()
{
  rm -rf program.debug .debug debug
  if [ $# -eq 0 ]; then
    objcopy --strip-all whole program
  else
    objcopy --strip-all "--add-gnu-debuglink=$1" whole program
  fi
}
loads()
{
  runs "load: HP_OK
answer 110" load:fix.so call
}
refused()
{
  tells "the program has no such variable" load:fix.so
}

stripped
ok "without its symbols the variable is not found" refused
stripped whole.debug
ok "a debug file beside the program" loads
mkdir .debug && mv whole.debug .debug/
ok "a debug file in .debug" loads
mkdir -p "debug$workdir" && mv .debug/whole.debug "debug$workdir"
HOTPATCH_DEBUG_PATH=$workdir/nowhere:$workdir/debug
ok "a debug file below a debug directory" loads
mv "debug$workdir/whole.debug" .
stripped
id=$(readelf -n whole | sed -n 's/.*Build ID: //p')
rest=${id#??}
by_id=debug/.build-id/${id%"$rest"}
mkdir -p "$by_id" && cp whole.debug "$by_id/$rest.debug"
ok "a debug file by its build-id, without a link" loads

applied()
{
  ./program >out &
  pid=$!
  until [ -s out ]; do
    sleep 0.01
  done
  "$hp_apply" "$pid" fix.so && until grep -q 'answer 110' out; do
    kill -0 $pid || return
    sleep 0.01
  done && "$hp_list" --pid $pid | grep -q 'other'
  applied_status=$?
  kill -9 $pid
  wait $pid 2>/dev/null
  return $applied_status
}
ok "hp-apply finds it, too" applied
HOTPATCH_DEBUG_PATH=$workdir/nowhere
ok "hp-apply does not without it" not applied

# The same without build-id, with another build's debug file.
control_for_debug_files()
{
  build_control_library &&
    with_controls program -Wl,--build-id=none program.c && mv program whole &&
    objcopy --only-keep-debug whole whole.debug && stripped whole.debug &&
    loads && cp right.debug whole.debug
}

# Another build, whose addresses are others.
other_debug()
{
  sed 's/^static int limit/int before[999] = {1}; &/' program.c >other.c
  cp program kept && program -Wl,--build-id=none other.c &&
    objcopy --only-keep-debug program whole.debug && cp kept program
}
stripped whole.debug
cp whole.debug right.debug
ok "another debug file of that name is made" other_debug
ok "one with another checksum is not taken" refused
ok "a program without build-id is compiled" program -Wl,--build-id=none program.c
cp program whole
objcopy --only-keep-debug whole whole.debug
stripped whole.debug
ok "without build-ids the checksum decides" loads
cp right.debug whole.debug
ok "and another file is not taken" refused
ok "control: a program with the library for controls" control_for_debug_files
ok "control: it does not take it either" refused
ok "control: without the checks it does, and uses another address" \
  not without own_debug_file runs "load: HP_OK
answer 110" load:fix.so call
ok "control: as it has loaded the patch" grep -q "load: HP_OK" said
stripped whole.debug
echo damaged >whole.debug
ok "nor is one that is no ELF file" refused
done_testing
