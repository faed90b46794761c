#!/bin/sh
# The hooks of patches that are applied from outside, by tracing and through a
# control socket: their order, one that says no, one that does not come back.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/outside/start.sh"
. "$HP_SRCDIR/testsuite/control/offering.sh"
. "$HP_SRCDIR/testsuite/lib/controls.sh"
watcher=
# shellcheck disable=SC2154,SC2086  # start.sh's; none may be running
trap 'kill -9 $pid $watcher 2>/dev/null; remove_workdir' EXIT

build_hooked()
{
  id=$(od -An -N20 -tx1 /dev/urandom | tr -d ' \n') &&
    "$CC" -O2 -pthread "-fplugin=$HP_PLUGIN" "$here/hooked.c" \
      "-Wl,--build-id=0x$id" -o hooked &&
    cc -O2 -pthread -DOFFERS "$here/hooked.c" -o offers "-L$built" -lhotpatch \
      "-Wl,-rpath,$built" &&
    cc -O2 -fPIC -shared "$here/hooks.c" -o hooks.so &&
    cc -O2 -fPIC -shared -DVERSION=2 "$here/hooks.c" -o hooks2.so &&
    cc -O2 -fPIC -shared '-DNAME="other"' "$here/hooks.c" -o other.so
}
ok "programs and patches are compiled" build_hooked
[ -e other.so ] || done_testing

# calls HOOK...: these were called since the last time, in this order.
calls()
{
  printf '%s\n' "$@" >expected
  : >>called
  mv called now
  diff expected now
}
calls_nothing()
{
  [ ! -e called ]
}
not_loaded()
{
  ! grep "$1" "/proc/$pid/maps"
}
old=11
new=20
newer=30

enter()
{
  touch enter
  until [ -e inside ]; do
    sleep 0.01
  done
}
leave()
{
  rm enter
  while [ -e inside ]; do
    sleep 0.01
  done
}

# hooks_by HOW: `how` is what comes before the arguments of the tools.
hooks_by()
{
  how=$1
  ok "$how: applied" $apply "$pid" hooks.so
  ok "$how: the new" says $new
  ok "$how: hooks around applying" calls "before_apply 1" "after_apply 1"
  ok "$how: a dry run" $apply --dry-run "$pid" hooks2.so
  ok "$how: calls none" calls_nothing
  ok "$how: applied again" gives 0 "applied already" $apply "$pid" hooks.so
  ok "$how: calls none then" calls_nothing

  touch no-before_apply
  ok "$how: a newer version says no, with its reason" \
    gives 1 'hooked.* does not let itself be applied: not today' \
    $apply "$pid" hooks2.so
  ok "$how: what had consented to go is told that it stays" \
    calls "before_revert 1" "before_apply 2" "after_apply 1"
  ok "$how: it stays" says $new
  ok "$how: the newer is not loaded" not_loaded hooks2.so
  rm no-before_apply
  ok "$how: a newer version" $apply "$pid" hooks2.so
  ok "$how: the newer" says $newer
  ok "$how: hooks of both" \
    calls "before_revert 1" "before_apply 2" "after_revert 1" "after_apply 2"

  touch no-before_revert
  ok "$how: it does not let itself be reverted" \
    gives 1 'hooked.* does not let itself be taken away: not today' \
    $revert "$pid" hooked
  ok "$how: it was asked" calls "before_revert 2"
  ok "$how: it is still there" says $newer
  rm no-before_revert
  ok "$how: reverted" $revert "$pid" hooked
  ok "$how: the old" says $old
  ok "$how: hooks around reverting" calls "before_revert 2" "after_revert 2"
  ok "$how: it is gone" not_loaded hooks2.so

  touch no-before_apply
  ok "$how: it does not let itself be applied" \
    gives 1 'hooked.* does not let itself be applied: not today' \
    $apply "$pid" hooks.so
  ok "$how: the old" says $old
  ok "$how: it is not loaded" not_loaded hooks.so
  ok "$how: it was asked" calls "before_apply 1"
  rm no-before_apply

  enter
  ok "$how: a thread is inside: busy" \
    gives 2 'first' $apply --timeout=2 "$pid" hooks.so
  ok "$how: what consented is told that it does not come" \
    calls "before_apply 1" "after_revert 1"
  ok "$how: the old" says $old
  ok "$how: nothing stays loaded" not_loaded hooks.so
  leave
}

begin ./hooked
apply=$hp_apply revert=$hp_revert
hooks_by "tracing"
end
begin ./offers
hooks_by "control socket"
end
begin ./offers
apply="$hp_apply --trace" revert="$hp_revert --trace"
hooks_by "tracing what has the library"
end

# --- Hooks that do not come back ------------------------------------------------
status_is()
{
  "$HP_BUILDDIR/tools/hp-status" "$pid" >output 2>&1
  cat output
  grep -q "^$pid  *$1  *hooked" output
}
late="has not come back in time; thread .* is still in it"
begin ./hooked
touch hold-before_apply
ok "before_apply does not come back" \
  gives 2 "before_apply of hooked $late; no function" \
  "$hp_apply" --timeout=2 "$pid" hooks.so
ok "the process lives" kill -0 "$pid"
ok "its code stays" status_is loaded
ok "hp-revert does not unload it under the thread" \
  gives 2 "has not left the patch object hooked" \
  "$hp_revert" --timeout=2 "$pid" hooked
rm hold-before_apply
ok "the thread comes back: the old" says $old
ok "hp-apply goes on" "$hp_apply" "$pid" hooks.so
ok "the new" says $new
ok "the hook was called again" \
  calls "before_apply 1" "before_apply 1" "after_apply 1"

touch hold-before_revert
ok "before_revert does not come back" \
  gives 2 "before_revert of hooked $late; no function" \
  "$hp_revert" --timeout=2 "$pid" hooked
ok "it is still applied" status_is applied
rm hold-before_revert
ok "the new" says $new
ok "reverted" "$hp_revert" "$pid" hooked
ok "the old" says $old
ok "that hook was called again, too" \
  calls "before_revert 1" "before_revert 1" "after_revert 1"

touch hold-after_apply
ok "after_apply does not come back: it is applied, and that is said" \
  gives 0 "after_apply of hooked $late" "$hp_apply" --timeout=2 "$pid" hooks.so
rm hold-after_apply
ok "the new" says $new
touch hold-after_revert
ok "after_revert does not come back: it is reverted" \
  gives 0 "after_revert of hooked $late" "$hp_revert" --timeout=2 "$pid" hooked
ok "the process lives, and its code stays" status_is loaded
rm hold-after_revert
ok "the old" says $old
ok "unloaded" "$hp_revert" "$pid" hooked
ok "it is gone" not_loaded hooks.so
end
rm called

ok "tools for controls are built" build_controls
apply_control=$(control_tool hp-apply)

# --- Hooks that end their thread --------------------------------------------------
begin ./hooked
touch exit-before_apply
ok "before_apply ends its thread: refused, and that is said" \
  gives 1 "the hook before_apply of hooked did not come back: thread .* ended" \
  "$hp_apply" "$pid" hooks.so
ok "the old" says $old
ok "nothing stays loaded" not_loaded hooks.so
rm exit-before_apply
touch exit-after_apply
ok "after_apply ends its thread: it is applied, and that is said" \
  gives 0 "the hook after_apply of hooked did not come back: thread .* ended" \
  "$hp_apply" "$pid" hooks.so
rm exit-after_apply
ok "the new" says $new
ok "it is applied" status_is applied
touch exit-before_revert
ok "before_revert ends its thread: refused" \
  gives 1 "the hook before_revert of hooked did not come back" \
  "$hp_revert" "$pid" hooked
rm exit-before_revert
ok "it is still applied" status_is applied
touch exit-after_revert
ok "after_revert ends its thread: it is reverted" \
  gives 0 "the hook after_revert of hooked did not come back" \
  "$hp_revert" "$pid" hooked
rm exit-after_revert
ok "the old" says $old
ok "the process lives" kill -0 "$pid"
end
rm called

# --- One thread at most -----------------------------------------------------------
called_times()
{
  [ "$(grep -c before_apply called)" = "$1" ] || {
    cat called
    return 1
  }
}
begin ./hooked
touch hold-before_apply
ok "a hook does not come back" gives 2 "before_apply of hooked $late" \
  "$hp_apply" --timeout=0.5 "$pid" hooks.so
ok "another command takes no second thread for it" \
  gives 2 "has not come back from a hook or a constructor" \
  "$hp_apply" --timeout=0.5 "$pid" hooks.so
ok "nor for another patch" \
  gives 2 "has not come back from a hook or a constructor" \
  "$hp_apply" --timeout=0.5 "$pid" other.so
ok "the hook was called once" called_times 1
takes_another()
{
  without one_held_thread "$(control_tool hp-apply)" --timeout=0.5 "$pid" \
    hooks.so
  called_times 2
}
ok "control: without that rule a second thread is lost" takes_another
rm hold-before_apply
ok "the threads come back: the old" says $old
ok "now it is applied" "$hp_apply" "$pid" hooks.so
end
rm called

# watches TOOL: a watcher of a directory with the patch, until it was busy a few
# times; how often the hook was called is in ./called then.
watches()
{
  rm -f called complaints
  touch hold-before_apply
  "$1" --interval=0.05 --timeout=0.2 watched >told 2>complaints &
  watcher=$!
  until grep -q "before_apply of hooked $late" complaints; do
    kill -0 $watcher || return
    sleep 0.05
  done
  # What is refused in a later round, after the patch before it.
  cp unfit.so watched/20-unfit.so
  until grep -q 'no patch site' complaints; do
    kill -0 $watcher || return
    sleep 0.05
  done
  kill $watcher
  wait $watcher
  watcher=
  rm -f hold-before_apply watched/20-unfit.so
}
mkdir watched
umask 022
cc -O2 -fPIC -shared "-DBUILD=\"$id\"" "$here/hooks.c" -o watched/10-hooks.so
sed 's/HP_REPLACES("first")/HP_REPLACES("missing")/' \
  "$here/hooks.c" >unfit.c
cc -O2 -fPIC -shared '-DNAME="unfit"' "-DBUILD=\"$id\"" unfit.c -o unfit.so
watched_once()
{
  watches "$HP_BUILDDIR/tools/hp-watch"
  cat complaints
  called_times 1 && grep -q 'it is not tried again' complaints
}
begin ./hooked
ok "hp-watch calls a hook that hangs once" watched_once
end
watched_often()
{
  HP_WITHOUT=call_what_hangs_once,one_held_thread
  export HP_WITHOUT
  watches "$(control_tool hp-watch)"
  unset HP_WITHOUT
  ! called_times 1
}
begin ./hooked
ok "control: otherwise again and again" watched_often
end
rm -f called

unload_control()
{
  touch hold-before_apply
  without keep_code_in_use "$apply_control" --timeout=2 "$pid" hooks.so
  rm hold-before_apply
  # Without its code the hook's thread takes the process along.
  tries=0
  while kill -0 "$pid" 2>/dev/null; do
    tries=$((tries + 1))
    [ $tries -lt 200 ] || return
    sleep 0.05
  done
}
begin ./hooked
ok "control: unloading under a hook kills the process" unload_control
end 2>/dev/null
rm -f called

search_control()
{
  without search_threads "$apply_control" --timeout=2 "$pid" hooks.so
}
begin ./hooked
enter
ok "control: without the search it is applied under the thread" search_control
leave
end
rm -f called

# --- The program's own turn -------------------------------------------------------
touch hold-before_apply
begin ./offers "$workdir/other.so"
until [ -e called ]; do
  sleep 0.01
done
ok "a hook of the program's own transaction: busy" \
  gives 2 "has not ended its transaction with named patches" \
  "$hp_apply" --timeout=0.2 "$pid" hooks.so
ok "nothing stays loaded" not_loaded hooks.so
"$hp_apply" --wait "$pid" hooks.so >waited 2>&1 &
waiting=$!
rm hold-before_apply
ok "--wait: after it" wait "$waiting"
ok "the new" says $new
ok "all hooks of one, then those of the other" calls "before_apply 1" \
  "after_apply 1" "before_apply 1" "after_apply 1"
end
done_testing
