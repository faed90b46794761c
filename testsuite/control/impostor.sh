#!/bin/sh
# Only the process itself is believed at its control socket, and only so much of
# it: others are not sent the patch, and answers end.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/lib/controls.sh"
. "$HP_SRCDIR/testsuite/outside/start.sh"
. "$HP_SRCDIR/testsuite/control/offering.sh"
hp_status=$HP_BUILDDIR/tools/hp-status

build_impostor()
{
  build_all && "$CC" -O2 "$HP_SRCDIR/testsuite/control/impostor.c" -o impostor
}
ok "program, impostor and patch are compiled" build_impostor
[ -x impostor ] || done_testing
slow=
slow_child=
# shellcheck disable=SC2086  # one process or none
trap 'kill -9 $pid $child $slow $slow_child 2>/dev/null; remove_workdir' EXIT

# pretend MODE: it, with the target; `pid` is the process whose socket it is.
child=
pretend()
{
  rm -f got
  begin ./impostor "$1" ./target alone
  child=$(pgrep -P "$pid")
}
end_both()
{
  kill -9 "$child"
  child=
  end
}

# --- A process that executes another program by now ---------------------------
pretend child-lie
ok "hp-status believes no child" gives 0 "$pid  *unpatched" "$hp_status" "$pid"
ok "hp-apply traces, and says why" \
  gives 0 "refused the request (process $child answers.*in its place.*; falling back" \
  "$hp_apply" -v "$pid" fix.so
ok "the program is patched" says 110210
ok "the child was not even asked" not test -e got
ok "hp-revert" "$hp_revert" "$pid" fix
ok "the program is unpatched" says 11012
tool_is_deceived()
{
  build_controls &&
    gives 0 "by itself" without answer_from_process \
      "$(control_tool hp-apply)" "$pid" fix.so &&
    says 11012 && grep 'load, with 1 files' got
}
ok "control: without that, a child says that it is patched, and has the file" \
  tool_is_deceived
end_both

# --- A process that says nothing ----------------------------------------------
pretend child-silent
ok "with a limit of half a second, silence is not waited for for five" \
  timeout 4 "$hp_apply" -t 0.5 "$pid" fix.so
ok "nor when the patch is reverted" timeout 4 "$hp_revert" -t 0.5 "$pid" fix
waits_without_limit()
{
  build_controls || return
  HP_WITHOUT=short_greeting timeout 4 "$(control_tool hp-apply)" -t 0.5 "$pid" fix.so
  [ $? -eq 124 ]
}
ok "control: otherwise it is" waits_without_limit
end_both

# --- A process that answers without end ---------------------------------------
# This one takes all the time there is: its end is looked at last.
begin ./impostor slow ./target alone
slow=$pid
slow_child=$(pgrep -P "$slow")
"$hp_apply" -t 0 "$slow" fix.so >slow.out 2>&1 &
slow_apply=$!
mv out slow_target.out

pretend endless
ok "hp-apply does not listen for ever" \
  gives 1 "process $pid answers without end" \
  prlimit --as=1000000000 "$hp_apply" "$pid" fix.so
ok "hp-status reads the memory instead" \
  gives 0 "$pid  *no sites" prlimit --as=1000000000 "$hp_status" "$pid"
end_both

# --- Words ---------------------------------------------------------------------
pretend escapes
harmless()
{
  "$hp_apply" -v "$pid" fix.so >output 2>&1
  cat output
  grep -F 'red \x1b[31m c1 \xc2\x9b turned \xe2\x80\xae' output &&
    ! grep -qP '[\x00-\x09\x0b-\x1f\x7f-\xff]' output
}
ok "what it says does nothing to a terminal" harmless
ok "and no line of it passes for the tool's own" \
  not grep '^process 1: fix' output
end_both

no_time_left()
{
  wait "$slow_apply"
  result=$?
  cat slow.out
  [ $result -eq 1 ] && grep "process $slow has not answered for 10 seconds" slow.out
}
ok "many answers do not take more time than one" no_time_left
done_testing
