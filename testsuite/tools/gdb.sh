#!/bin/sh
# The commands that tools/hotpatch-gdb.py adds to gdb, on a live process and on a
# core file.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"

command -v gdb >/dev/null || skip_all "gdb is not installed"

cat >subject.c <<'EOF'
#include <hotpatch.h>
#include <stdlib.h>
HP_PATCHABLE int answer(void) { return 1; }
HP_PATCHABLE int other(void) { return 1; }
static int two(void) { return 2; }
static int three(void) { return 3; }
static int four(void) { return 4; }
int main(void)
{
  hp_patch_info info = {.name = "CVE-1", .version = 7};
  hp_transaction* fix = hp_begin();
  hp_add_patch(fix, &info);
  hp_add_apply(fix, "answer", three);
  if (hp_apply("answer", two) != HP_OK || hp_commit(fix, NULL) != HP_OK ||
      hp_apply("other", four) != HP_OK || hp_revert("other") != HP_OK)
    return 1;
  abort();
}
EOF
build()
{
  cc -g -O2 subject.c -o subject -L"$HP_BUILDDIR/runtime/.libs" \
    -Wl,-rpath,"$HP_BUILDDIR/runtime/.libs" -lhotpatch
}
ok "the program is compiled" build

# Its debug information is in the library; gdb needs no index or server.
in_gdb()
{
  gdb -nx -batch -x "$HP_SRCDIR/tools/hotpatch-gdb.py" "$@" >output 2>&1
  cat output
}
live()
{
  in_gdb -ex run -ex "gcore core" -ex "$1" ./subject &&
    shift &&
    for words; do
      grep -q "$words" output || return
    done
}
ok "the replacements of a site, the newest first" live \
  "info hotpatch sites answer" 'answer at 0x.*, word near' \
  'three.*of patch CVE-1' '^  0x.* two' '^1 site$'
ok "a site that was reverted" live "info hotpatch sites other" \
  'other at 0x.*, word pristine'
ok "the patches" live "info hotpatch patches" 'CVE-1, version 7, 1 sites' \
  '^1 patch$'
ok "no transaction" live "info hotpatch transaction" 'no change is under way'
under_way()
{
  in_gdb -ex "break main" -ex run -ex "break mprotect" -ex continue \
    -ex "info hotpatch transaction" ./subject &&
    grep -A3 '^answer: now' output | grep -A1 'becomes' | grep -q two
}
ok "a transaction that is under way" under_way
from_core()
{
  in_gdb -ex "info hotpatch sites" ./subject core &&
    grep -q 'three.*of patch CVE-1' output && grep -q '^2 sites$' output
}
ok "a core file" from_core
no_library()
{
  echo 'int main(void) { return 0; }' >plain.c && "$CC" -g plain.c -o plain &&
    { in_gdb -ex start -ex "info hotpatch sites" ./plain || :; } &&
    grep -q 'has no libhotpatch with debug information' output
}
ok "a program without the library" no_library
done_testing
