#!/bin/sh
# A forked child of a program that offers a control socket: it has none before
# it opens one; until then it is traced, and what it inherited is its own.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/outside/start.sh"
. "$HP_SRCDIR/testsuite/control/offering.sh"
hp_status=$HP_BUILDDIR/tools/hp-status
parent=
# shellcheck disable=SC2154  # workdir is common.sh's
trap 'kill -9 $parent $pid 2>/dev/null; remove_workdir' EXIT

ok "program, clients and patches are compiled" build_offer
[ -e fix3.so ] || done_testing
old=11012
new=110210

# family COMMAND...: `parent` and, when both go on, its child `pid`.
family()
{
  offer "$@"
  parent=$pid
  pid=$(pgrep -P "$parent")
}
end_family()
{
  end
  kill -9 "$parent" 2>/dev/null
  wait "$parent" 2>/dev/null
  parent=
}
# refused_as_own COMMAND...: the patch is the library's in the child.
refused_as_own()
{
  gives 1 'has loaded;.*hp_control_open(), in a forked' "$@"
}
# status_of PID STATE PATCH
status_of()
{
  "$hp_status" --patch=fix "$1" >output 2>&1
  cat output
  grep -q "^$1  *$2  *$3" output
}

family open fork serve
ok "the child has no socket: it is traced" applies \
  "process $pid: offers no control socket; falling back to ptrace" "$pid" fix.so
ok "the new" says $new
ok "it is patched" status_of "$pid" applied fix
ok "its parent is not" status_of "$parent" lacks fix
ok "its parent's socket is not taken for its own" refuses \
  "process $pid offers no control socket at" \
  "--control=$run/hotpatch/$parent.sock" "$pid" fix.so
parent_by_socket()
{
  applies "process $parent: is asked through its control socket" "$parent" \
    fix.so && status_of "$parent" applied fix
}
ok "its parent still has the socket" parent_by_socket
ok "reverted, traced" "$hp_revert" "$pid" fix
ok "the old" says $old
ok "its parent keeps the patch" status_of "$parent" applied fix
end_family

HOTPATCH_CONTROL=1
export HOTPATCH_CONTROL
family fork serve
unset HOTPATCH_CONTROL
ok "the same if the environment opened the parent's" applies \
  "process $pid: offers no control socket; falling back to ptrace" "$pid" fix.so
ok "the new" says $new
end_family

# The parent is patched through its socket, and forks then.
begin ./offer open wait-for:fork fork wait-for:open open serve
parent=$pid
until grep -q '^at ' out; do
  sleep 0.01
done
ok "the parent is patched" "$hp_apply" "$parent" fix.so
touch fork
until grep -q '^child' out; do
  sleep 0.01
done
pid=$(pgrep -P "$parent")
ok "its child inherits the patch" status_of "$pid" applied fix
ok "it was applied already" gives 0 'fix was applied already' \
  "$hp_apply" "$pid" fix.so
ok "a newer version from outside is refused, with the way out" \
  refused_as_own "$hp_apply" "$pid" fix2.so
ok "so is reverting it" refused_as_own "$hp_revert" "$pid" fix
ok "it is as it was" status_of "$pid" applied 'fix 1'
touch open
until [ "$(grep -c '^at ' out)" -eq 2 ]; do
  sleep 0.01
done
ok "with a socket of its own: the newer version" applies \
  "process $pid: is asked through its control socket" "$pid" fix2.so
ok "the newer" says 110320
ok "its parent has the older" status_of "$parent" applied 'fix 1'
ok "reverted" "$hp_revert" "$pid" fix
ok "the old" says $old
ok "its parent has it still" status_of "$parent" applied 'fix 1'
ok "nothing was ever wrong" all_well
end_family
done_testing
