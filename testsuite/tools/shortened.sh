#!/bin/sh
# A file that becomes shorter while a tool reads it: the tool says so, and the
# process that it was to patch goes on.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/outside/start.sh"
hp_status=$HP_BUILDDIR/tools/hp-status

build_cutter()
{
  build_all && cp fix.so kept.so &&
    "$CC" -O2 -fPIC -shared "$HP_SRCDIR/testsuite/tools/shortened.c" \
      -o cutter.so -ldl
}
ok "programs, a patch and what cuts files are compiled" build_cutter
[ -e cutter.so ] || done_testing

# cut FILE STATUS COMMAND...: ends like that, and tells why.
cut()
{
  short=$1
  wanted=$2
  shift 2
  gives "$wanted" 'a file became shorter while it was read' \
    env "SHORTEN=$short" "LD_PRELOAD=$workdir/cutter.so" "$@" &&
    [ ! -s "$short" ]
}
uncut()
{
  LD_PRELOAD=$workdir/cutter.so "$hp_list" target
}

ok "control: what cuts files lets others be" uncut
cp target listed
ok "hp-list: a file that is cut" cut listed 2 "$hp_list" listed
start 2
ok "hp-apply: a patch object that is cut" cut fix.so 3 "$hp_apply" "$pid" fix.so
ok "the process goes on" all_well
ok "unpatched" not grep -q 110210 out
ok "the same command does it with a whole file" "$hp_apply" "$pid" kept.so
ok "the new" says 110210
ok "hp-status: a patch object that is cut" \
  cut kept.so 2 "$hp_status" "$pid"
done_testing
