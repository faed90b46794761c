#!/bin/sh
# A file that becomes shorter while a tool reads it: the tool says so, or goes on
# with what it has read, and the process that it was to patch goes on.
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
# The checked bytes are what is loaded: what becomes of the file does not matter.
cut_later()
{
  short=$1
  shift
  env "SHORTEN=$short" "LD_PRELOAD=$workdir/cutter.so" "$@"
}
ok "hp-apply: a patch object that is cut once it is read is applied whole" \
  cut_later fix.so "$hp_apply" "$pid" fix.so
ok "the process goes on" all_well
ok "the new" says 110210
ok "hp-status: the cut file is still known to be applied" gives 0 'applied' \
  cut_later fix.so "$hp_status" "$pid"
: >empty.so
ok "hp-apply: a file that is empty from the start is refused" \
  gives 1 'empty.so' "$hp_apply" "$pid" empty.so
done_testing
