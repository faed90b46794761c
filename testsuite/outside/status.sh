#!/bin/sh
# hp-status: the table, JSON, and what the exit status says; and options of
# hp-apply that concern several processes, or threads that are waited for.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/outside/start.sh"
hp_status=$HP_BUILDDIR/tools/hp-status
others=
# shellcheck disable=SC2086  # lists of processes
trap 'kill -9 $pid $others 2>/dev/null; remove_workdir' EXIT

build_status()
{
  build_all && sed 's/target[.]c:/odd.c:/' "$here/fix.c" >odd_fix.c &&
    cc -O2 -fPIC -shared odd_fix.c -o odd_fix.so &&
    "$CC" -O2 -pthread "-fplugin=$HP_PLUGIN" "$here/odd.c" -o odd
}
ok "programs and patches are compiled" build_status
[ -e odd_fix.so ] || done_testing

# status_is EXIT ARGUMENTS...: the table goes to status.
status_is()
{
  wanted=$1
  shift
  "$hp_status" "$@" >status 2>complaint
  result=$?
  cat status complaint
  [ $result -eq "$wanted" ]
}
# line PID STATE WORDS
line()
{
  cat status
  grep -qE "^$1  +$2  +$3  +/.*" status
}

start alone
first=$pid others=$pid
start alone
both="$first $pid"
# shellcheck disable=SC2086  # two processes
{
  ok "no patch anywhere: 0" status_is 0 $both
  ok "both are unpatched" line "$first" unpatched -
  ok "a patch is wanted: 1" status_is 1 --patch=fix $both
  ok "both lack it" grep -q '^2 processes, 2 lacking a patch$' status
  "$hp_apply" "$first" fix.so >output
  ok "one is patched: 1" status_is 1 $both
  ok "what it has, with the version" line "$first" applied 'fix 1'
  ok "who lacks it" line "$pid" lacks fix
  ok "a missing process cannot be read: 2" status_is 2 "$first" 999999
  ok "the other one is shown" line "$first" applied 'fix 1'
}
# completes PID: what bash offers after "hp-revert PID ".
completes()
{
  PATH=$HP_BUILDDIR/tools:$PATH bash -c '. "$1"
    COMP_WORDS=(hp-revert --trace "$2" "") COMP_CWORD=3
    _hp_apply
    echo "${COMPREPLY[@]}"' bash "$HP_SRCDIR/completions/hp-apply" "$1"
}
completes_patches()
{
  [ "$(completes "$first")" = fix ] && [ -z "$(completes "$pid")" ]
}
if command -v bash >/dev/null; then
  ok "bash completes the patches of the process" completes_patches
else
  skip "bash completes the patches of the process" "bash is not installed"
fi
says_json()
{
  "$hp_status" --json --all-processes-of target >json
  python3 - "$first" "$pid" <<'END'
import json, sys
first, second = map(int, sys.argv[1:])
status = json.load(open("json"))
assert status["version"] == 1
one, two = sorted(status["processes"], key=lambda each: each["pid"] != first)
assert (one["pid"], two["pid"]) == (first, second)
assert one["program"].endswith("/target") and one["images"] == 1
patch, = one["patches"]
assert (patch["name"], patch["version"], patch["state"]) == ("fix", 1, "applied")
assert patch["path"].endswith("/fix.so") and patch["sequence"] == 1
assert one["lacks"] == [] and two["patches"] == [] and two["lacks"] == ["fix"]
END
}
ok "--json --all-processes-of" says_json
both_said()
{
  gives 0 "process $first: fix was applied already" \
    "$hp_apply" --all-processes-of target fix.so &&
    grep -q "process $pid: fix is applied, 2 functions" output
}
ok "--all-processes-of: each is reported" both_said
ok "all are patched: 0" status_is 0 --all-processes-of target
ok "without arguments both are found" sh -c "'$hp_status' >status
  grep -q '^$first  *applied' status && grep -q '^$pid  *applied' status"
ok "--all-processes-of a program that no process executes" \
  not "$hp_apply" --all-processes-of odd odd_fix.so
ok "hp-revert --all-processes-of" \
  "$hp_revert" --all-processes-of target fix
ok "they are unpatched: 0" status_is 0 --all-processes-of target
ok "unpatched" line "$pid" unpatched -

tells()
{
  "$hp_apply" --verbose "$pid" fix.so 2>told || return
  cat told
  grep -q "process $pid: fix, version 1: all checks passed" told &&
    grep -q "process $pid: thread [0-9]* (target) was borrowed" told
}
ok "--verbose tells what is done" tells
end

# A thread leaves the function when it is told to.
begin ./odd leaves
until grep -q inside out; do
  sleep 0.01
done
ok "--timeout: in vain" not "$hp_apply" --timeout=0.1 "$pid" odd_fix.so
"$hp_apply" --verbose --wait "$pid" odd_fix.so >waited 2>&1 &
waiting=$!
until grep -q 'has not left' waited || ! kill -0 $waiting; do
  sleep 0.01
done
ok "--wait: it waits" grep -q 'has not left' waited
touch leave
ok "--wait: as long as it takes" wait $waiting
ok "the thread has left the old function" grep -q left out
done_testing
