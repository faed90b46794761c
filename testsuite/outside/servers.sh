#!/bin/sh
# --all-processes-of finds all processes of a program: also those that execute an
# older file since an upgrade, and those that are forked while it works.  None of
# them keeps the others waiting.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/lib/controls.sh"
. "$HP_SRCDIR/testsuite/outside/start.sh"
hp_status=$HP_BUILDDIR/tools/hp-status
others=
# shellcheck disable=SC2086  # lists of processes
trap 'kill -9 $pid $others 2>/dev/null; remove_workdir' EXIT

build_workers()
{
  build_all && sed 's/target[.]c:/workers.c:/' "$here/fix.c" >workers_fix.c &&
    cc -O2 -fPIC -shared workers_fix.c -o workers_fix.so &&
    "$CC" -O2 -pthread "-fplugin=$HP_PLUGIN" "$here/workers.c" -o workers
}
ok "programs and patches are compiled" build_workers
[ -e workers_fix.so ] || done_testing

# --- Upgrades -------------------------------------------------------------------
mkdir bin
# upgrade_to COMMAND...: a process of bin/prog, which is replaced then.
upgraded()
{
  cp target bin/prog
  begin "$@" alone
}
found()
{
  gives 0 "process $pid: fix is applied" \
    "$hp_apply" --all-processes-of=bin/prog fix.so && says 110210 &&
    gives 0 "^$pid  *applied" "$hp_status" --all-processes-of=bin/prog &&
    "$hp_revert" --all-processes-of=bin/prog fix && says 11012
}
upgraded ./bin/prog
cp target bin/new && mv bin/new bin/prog
ok "a new file was moved over the program's" found
end
upgraded ./bin/prog
rm bin/prog
ok "the program's file was deleted" found
end
upgraded ./bin/prog
mv bin/prog bin/prog.old && cp target bin/prog
ok "the program's file was renamed, and another one put there" found
ok "a program of another name is another one" \
  gives 1 'no process executes bin/fix' \
  "$hp_apply" --all-processes-of=bin/fix fix.so
end
mkdir v1 v2
cp target v1/prog && cp target v2/prog && ln -s v1 current
found_through_link()
{
  ln -sfn v2 current
  gives 0 "process $pid: fix is applied" \
    "$hp_apply" "--all-processes-of=$PWD/current/prog" fix.so && says 110210
}
begin "$PWD/current/prog" alone
ok "the program was started through a link that leads elsewhere since" \
  found_through_link
ok "the link leads to another program" \
  gives 1 'no process executes' "$hp_apply" --all-processes-of=v2/prog fix.so
end

# --- Forks ----------------------------------------------------------------------
# serves PID LINE
serves()
{
  tries=200
  until [ "$(cat "out.$1")" = "$2" ]; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] && sleep 0.02 || {
      cat "out.$1"
      return 1
    }
  done
}
number_of()
{
  sed -n "s/^$1 //p" out
}
# soon COMMAND...: until it is true, or ten seconds are over.
soon()
{
  tries=200
  until "$@"; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] && sleep 0.05 || return
  done
}
# patch_forking TOOL: the third process is forked while the second one, which is
# not patched yet, waits.
patch_forking()
{
  rm -f leave fork applied
  begin ./workers waits
  soon grep -q second out && soon grep -q first out || return
  second=$(number_of second)
  others="$others $second"
  "$@" --all-processes-of=workers workers_fix.so >applied 2>&1 &
  applying=$!
  soon grep -q "process $pid: fix is applied" applied || return
  touch fork
  soon grep -q third out || return
  third=$(number_of third)
  others="$others $third"
  serves "$pid" 110210
}
end_forking()
{
  touch leave
  wait "$applying"
  applied=$?
  cat applied
  [ $applied -eq 0 ] && grep "process $second: fix is applied" applied
}
ok "the first is patched while the second one waits" \
  patch_forking "$hp_apply" -v -t 60
ok "the second one is patched when it can be" end_forking
ok "so is the third, which was forked in between" serves "$third" 110210
kill -9 "$second" "$third"
end
look_once()
{
  build_controls && patch_forking without look_again_for_processes \
    "$(control_tool hp-apply)" -t 60 && end_forking && ! serves "$third" 110210
}
ok "control: with one look at the processes the third one is missed" look_once
kill -9 "$second" "$third"
end

begin ./workers passes
passes()
{
  "$hp_apply" --all-processes-of=workers workers_fix.so >output 2>&1
  result=$?
  cat output
  [ $result -eq 0 ] && grep -q "process $pid: fix is applied" output &&
    ! grep -q 'hp-apply:' output
}
ok "children that end by then are no failure" passes
end

# --- Children in their parent's memory ---------------------------------------------
rm -f leave
begin ./workers spawns
spawned()
{
  rm -f applied
  "$@" -v -t 20 --all-processes-of=workers workers_fix.so >applied 2>&1 &
  applying=$!
  child=$(pgrep -P "$pid")
  soon grep -q "process $pid" applied || return
  sleep 0.5
  touch leave
  wait "$applying"
  result=$?
  cat applied
  [ $result -eq 0 ] && grep "process $pid: fix is applied" applied &&
    ! grep "process $child" applied
}
spawned_too()
{
  build_controls && ! spawned without pass_over_vfork_children \
    "$(control_tool hp-apply)" && grep "process $child" applied
}
if [ -n "$(pgrep -P "$pid")" ]; then
  ok "a child of vfork(2) is not patched beside its parent" \
    spawned "$hp_apply"
  ok "the parent is" serves "$pid" 110210
  end
  rm -f leave
  begin ./workers spawns
  ok "control: without looking at its memory it would be" spawned_too
else
  ok "a child of vfork(2) is there" false
fi
end

# --- One that does not let itself be patched ---------------------------------------
rm -f leave
touch fork
begin ./workers waits
soon grep -q third out && soon grep -q first out
second=$(number_of second)
third=$(number_of third)
others="$others $second $third"
in_turn()
{
  gives 2 "process $second: thread [0-9]* (workers).*first" \
    "$hp_apply" -t 1 --all-processes-of=workers workers_fix.so &&
    serves "$pid" 110210 && serves "$third" 110210 &&
    [ "$(grep -c "^hp-apply: process $second:" output)" -eq 1 ] &&
    [ "$(tail -n 1 output | grep -c "process $second")" -eq 1 ]
}
ok "one that is busy keeps none waiting, and is named" in_turn
kill -9 "$second" "$third"
end
done_testing
